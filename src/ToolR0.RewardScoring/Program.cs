using ToolR0.RewardScoring;
using ToolR0.ServiceDefaults;

return await ServiceProcess.MainAsync(RewardScoringService.Part, args);

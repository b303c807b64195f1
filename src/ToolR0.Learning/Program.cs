using ToolR0.Learning;
using ToolR0.ServiceDefaults;

return await ServiceProcess.MainAsync(LearningService.Part, args);

using ToolR0.Solving;
using ToolR0.ServiceDefaults;

return await ServiceProcess.MainAsync(SolvingService.Part, args);

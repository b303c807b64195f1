using ToolR0.ServiceDefaults;
using ToolR0.Solving;

return await ServiceProcess.MainAsync(SolvingService.Part, args);

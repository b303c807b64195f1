using ToolR0.Coordinator;
using ToolR0.ServiceDefaults;

return await ServiceProcess.MainAsync(CoordinatorService.Part(), args);

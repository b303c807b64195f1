using ToolR0.ToolExecution;
using ToolR0.ServiceDefaults;

return await ServiceProcess.MainAsync(ToolExecutionService.Part, args);

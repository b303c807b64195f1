using ToolR0.ServiceDefaults;
using ToolR0.ToolExecution;

return await ServiceProcess.MainAsync(ToolExecutionService.Part, args);

using ToolR0.ServiceDefaults;
using ToolR0.TaskGeneration;

return await ServiceProcess.MainAsync(TaskGenerationService.Part, args);

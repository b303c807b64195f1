using ToolR0.TaskGeneration;
using ToolR0.ServiceDefaults;

return await ServiceProcess.MainAsync(TaskGenerationService.Part, args);

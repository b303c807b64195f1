namespace ToolR0.ServiceDefaults;

/// <summary>Whose process this is, for whoever has to give it access: in a container nobody sees that otherwise.</summary>
public static class Account
{
    /// <summary>What to do about a folder or file that this process may not use; empty for any other failure.</summary>
    public static string Of(Exception failure)
    {
        if (failure is not UnauthorizedAccessException && failure.InnerException is not UnauthorizedAccessException)
            return "";
        return $" (this process runs as {Name()}: it needs access, e.g. chmod -R a+rX FOLDER)";
    }

    private static string Name()
    {
        try
        {
            // Uid: real, effective, saved, file system.
            var uid = File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith("Uid:", StringComparison.Ordinal))?.Split('\t');
            return uid is { Length: > 2 } ? $"uid {uid[2]}" : Environment.UserName;
        }
        catch (IOException)
        {
            return Environment.UserName;
        }
    }
}

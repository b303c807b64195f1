using System.Text;
using ToolR0.Cli.Options;
using ToolR0.Cli.Reporting;

namespace ToolR0.Cli.Running;

/// <summary>Writes what a run leaves for people and programs: report.html and summary.json.</summary>
public static class RunFiles
{
    /// <returns>The paths of report and summary.</returns>
    /// <exception cref="CliError">They can not be written.</exception>
    public static (string Report, string Summary) Write(Settings settings, RunReport report)
    {
        var folder = settings.RunFolder(report.State.Run);
        return (Write(Path.Combine(folder, "report.html"), HtmlReport.Render(report)), Write(Path.Combine(folder, "summary.json"), Summary.Of(report).ToJson() + "\n"));
    }

    /// <summary>Writes a whole file or none.</summary>
    public static string Write(string path, string text)
    {
        var partial = path + ".partial";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            File.WriteAllText(partial, text, new UTF8Encoding(false));
            File.Move(partial, path, overwrite: true);
            return path;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CliError($"cannot write {path}: {e.Message.ReplaceLineEndings(" ")}", inner: e);
        }
        finally
        {
            try
            {
                File.Delete(partial);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Nothing was written, and what went wrong is already told.
            }
        }
    }
}

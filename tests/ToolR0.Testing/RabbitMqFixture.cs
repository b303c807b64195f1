namespace ToolR0.Testing;

/// <summary>
/// A real RabbitMQ node for a test run: <c>TOOLR0_TEST_RABBITMQ</c> (an amqp:// address) or a private one started on first use and stopped
/// when the test process ends. Use as an xunit class or assembly fixture. Queues outlive a test: name them after the test.
/// </summary>
public sealed class RabbitMqFixture
{
    private static readonly Lazy<string> Server = new(StartServer);

    /// <summary>amqp://user:password@host:port (default virtual host).</summary>
    public string Address => Server.Value;

    private static string StartServer()
    {
        if (Environment.GetEnvironmentVariable("TOOLR0_TEST_RABBITMQ") is { Length: > 0 } given)
            return given;
        var home = PrivateServers.NewHome();
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            PrivateServers.Run("rabbitmq.sh", "stop", "--home", home);
            PrivateServers.Remove(home);
        };
        return PrivateServers.Run("rabbitmq.sh", "start", "--home", home);
    }
}

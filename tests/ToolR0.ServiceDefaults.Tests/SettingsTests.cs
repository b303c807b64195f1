using Npgsql;
using ToolR0.Contracts;
using ToolR0.Messaging;

namespace ToolR0.ServiceDefaults.Tests;

public sealed class SettingsTests
{
    private static Dictionary<string, string> Stack(string password) => new()
    {
        ["TOOLR0_BUS"] = "rabbitmq",
        ["TOOLR0_RABBITMQ"] = "amqp://rabbitmq:5672/",
        ["TOOLR0_RABBITMQ_USER"] = "toolr0",
        ["TOOLR0_RABBITMQ_PASSWORD"] = password,
        ["TOOLR0_POSTGRES"] = "Host=postgres;Port=5432;Database=toolr0",
        ["TOOLR0_POSTGRES_USER"] = "toolr0",
        ["TOOLR0_POSTGRES_PASSWORD"] = password,
    };

    [Theory]
    [InlineData("plain")]
    [InlineData("p@ss/w;rd:#x")]
    [InlineData("it's \"quoted\" = %41 ünï $HOME")]
    public void A_password_of_its_own_variable_may_have_any_character(string password)
    {
        var settings = Settings.OfService(Stack(password));
        var database = new NpgsqlConnectionStringBuilder(settings.RequirePostgres());
        database.Password.ShouldBe(password);
        database.Username.ShouldBe("toolr0");
        database.Host.ShouldBe("postgres");
        var parts = settings.Bus.RabbitMq.UserInfo.Split(':');
        Uri.UnescapeDataString(parts[1]).ShouldBe(password);
        settings.Bus.RabbitMq.Host.ShouldBe("rabbitmq");
        settings.Bus.Address.ShouldNotContain(password);
    }

    [Fact]
    public void An_account_in_the_connection_string_itself_counts_more()
    {
        var environment = Stack("from-variable");
        environment["TOOLR0_POSTGRES"] = "Host=h;User ID=me;Password=mine";
        environment["TOOLR0_RABBITMQ"] = "amqp://me:mine@h/";
        var settings = Settings.OfService(environment);
        new NpgsqlConnectionStringBuilder(settings.Postgres).Password.ShouldBe("mine");
        settings.Bus.RabbitMq.UserInfo.ShouldBe("me:mine");
    }

    [Fact]
    public void A_command_that_hosts_the_services_itself_does_not_join_a_bus_because_of_a_variable()
    {
        var environment = Stack("x");
        Settings.Read(null, null, null, null, environment, busOfEnvironment: false).Bus.Kind.ShouldBe(BusKind.Memory);
        var asked = Settings.Read(null, null, "rabbitmq", null, environment, busOfEnvironment: false).Bus;
        asked.Kind.ShouldBe(BusKind.RabbitMq);
        asked.RabbitMq.Host.ShouldBe("rabbitmq");
    }

    [Theory]
    [InlineData("TOOLR0_HEALTH_PORT", "70000")]
    [InlineData("TOOLR0_HEALTH_PORT", "http")]
    [InlineData("TOOLR0_WORKERS", "0")]
    public void A_number_that_is_none_is_refused_by_name(string variable, string value)
    {
        var environment = Stack("x");
        environment[variable] = value;
        Should.Throw<UserErrorException>(() => Settings.OfService(environment)).Message.ShouldContain($"{variable} is '{value}'");
    }

    [Fact]
    public void A_service_needs_a_store_and_assumes_RabbitMQ()
    {
        Should.Throw<UserErrorException>(() => Settings.OfService(new Dictionary<string, string>())).Message.ShouldContain("TOOLR0_POSTGRES");
        Settings.OfService(new Dictionary<string, string> { ["TOOLR0_POSTGRES"] = "Host=h" }).Bus.Kind.ShouldBe(BusKind.RabbitMq);
    }

    [Fact]
    public void Hints_name_the_command_as_its_reader_calls_it()
    {
        Settings.Read(null, null, null, null, new Dictionary<string, string>()).Command.ShouldBe("toolr0");
        Settings.Read(null, null, null, null,
            new Dictionary<string, string> { ["TOOLR0_COMMAND"] = "infra/toolr0" }).Command.ShouldBe("infra/toolr0");
    }
}

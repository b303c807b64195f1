using Npgsql;

namespace ToolR0.EventStore.Tests;

public sealed class ConnectionSettingsTests
{
    [Theory]
    [InlineData("p;a@b/c:d#e")]
    [InlineData("tail;")]
    [InlineData("with=equals;and;semi")]
    [InlineData("quote\"inside'both")]
    [InlineData("Host")]
    public void Any_password_works_quoted_or_as_it_is(string password)
    {
        var quoted = new NpgsqlConnectionStringBuilder { Host = "db", Username = "u", Password = password }.ConnectionString;
        ConnectionSettings.Parse(quoted).Password.ShouldBe(password);
        if (password.EndsWith(';'))
            return; // as it is, the last ; ends the setting
        ConnectionSettings.Parse($"Host=db;Password={password}").Password.ShouldBe(password);
        var settings = ConnectionSettings.Parse($"Password={password};Host=db;Port=5433;Username=u");
        (settings.Password, settings.Host, settings.Port, settings.Username).ShouldBe((password, "db", 5433, "u"));
    }

    [Theory]
    [InlineData("Host=db;Hots=x;Password=se;cr@t/wo:rd#1")]
    [InlineData("Host=db;Password=se;cr@t/wo:rd#1;Port=many")]
    [InlineData("Pwd=se;cr@t/wo:rd#1;Port=5432")]
    [InlineData("postgresql://u:se;cr@t/wo:rd#1@db:5432/x")]
    public void No_part_of_a_password_is_in_a_message(string text)
    {
        var message = Should.Throw<EventStoreException>(() => ConnectionSettings.Parse(text)).ToString();
        message.ShouldContain("ToolR0:Postgres");
        foreach (var part in new[] { "se;cr@t/wo:rd#1", "cr@t", "wo:rd", "rd#1" })
            message.ShouldNotContain(part);
    }

    [Theory]
    [InlineData("cannot use Host=db;Password=hidden;Port=1", "cannot use Host=db;Password=***;Port=1")]
    [InlineData("Password='hid;den';Host=db", "Password=***;Host=db")]
    [InlineData("postgresql://u:hid@den@db/x", "postgresql://u:***@db/x")]
    [InlineData("nothing to hide", "nothing to hide")]
    public void A_text_is_told_without_the_password(string text, string told) => ConnectionSettings.Redact(text).ShouldBe(told);

    [Fact]
    public void Gss_encryption_is_off_unless_it_was_asked_for()
    {
        ConnectionSettings.Parse("Host=db").GssEncryptionMode.ShouldBe(GssEncryptionMode.Disable);
        ConnectionSettings.Parse("Host=db;GSS Encryption Mode=Require").GssEncryptionMode.ShouldBe(GssEncryptionMode.Require);
    }
}

using System.Collections.Concurrent;
using ToolR0.Contracts;
using ToolR0.Contracts.Options;

namespace ToolR0.Messaging;

/// <summary>What a run was started with, read from the store once per process.</summary>
public sealed class RunCatalog(IFactLog log)
{
    private readonly ConcurrentDictionary<string, RunStarted> _runs = new();

    /// <exception cref="InvalidOperationException">The run is not in the store.</exception>
    public async ValueTask<RunStarted> GetAsync(string run, CancellationToken cancellation = default)
    {
        if (_runs.TryGetValue(run, out var known))
            return known;

        var stream = Ids.RunStream(run);
        var read = await log.ReadAsync([stream], cancellation);
        if (!read.TryGetValue(stream, out var facts) || facts[0].Fact is not RunStarted started)
            throw new InvalidOperationException($"run '{run}' is not in the store");
        return _runs.GetOrAdd(run, started);
    }

    public async ValueTask<RunOptions> OptionsAsync(string run, CancellationToken cancellation = default) =>
        (await GetAsync(run, cancellation)).Options;
}

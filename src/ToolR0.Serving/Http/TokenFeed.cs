using System.Threading.Channels;
using ToolR0.Contracts;
using ToolR0.Policies.Sampling;
using ToolR0.Serving.Models;

namespace ToolR0.Serving.Http;

/// <summary>Something that happened to one of a request's answers: a token came, or it ended.</summary>
internal readonly record struct Progress(int Answer, int Token, Trajectory? Ended);

/// <summary>The tokens of a request's answers as they are drawn.</summary>
internal static class TokenFeed
{
    /// <exception cref="OperationCanceledException">The client went away.</exception>
    public static ChannelReader<Progress> Start(ServedModel model, IReadOnlyList<LiveRequest> requests, CancellationToken cancellation)
    {
        var channel = Channel.CreateUnbounded<Progress>(new UnboundedChannelOptions { SingleReader = true });
        _ = FeedAsync();
        return channel.Reader;

        async Task FeedAsync()
        {
            try
            {
                await Task.WhenAll(requests.Select(async (request, i) =>
                {
                    var ended = await model.SampleAsync(request, token => channel.Writer.TryWrite(new Progress(i, token, null)), cancellation);
                    channel.Writer.TryWrite(new Progress(i, 0, ended));
                }));
                channel.Writer.Complete();
            }
            catch (Exception e)
            {
                channel.Writer.Complete(e);
            }
        }
    }
}

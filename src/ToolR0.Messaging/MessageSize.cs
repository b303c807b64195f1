using System.Net.Mime;
using MassTransit;
using MassTransit.Serialization;

namespace ToolR0.Messaging;

/// <summary>A message over the limit; the sender should have stored the payload and sent its id (claim check).</summary>
public sealed class MessageTooLargeException(string message) : Exception(message);

/// <summary>MassTransit's System.Text.Json serializer which refuses a message of more than <see cref="Limit"/> bytes, its envelope
/// included.</summary>
internal sealed class SizedJsonSerializerFactory : ISerializerFactory
{
    /// <summary>64 KiB.</summary>
    public const int Limit = 64 * 1024;

    public ContentType ContentType => SystemTextJsonMessageSerializer.JsonContentType;

    public IMessageSerializer CreateSerializer() => new Serializer(SystemTextJsonMessageSerializer.Instance);

    public IMessageDeserializer CreateDeserializer() => SystemTextJsonMessageSerializer.Instance;

    private sealed class Serializer(IMessageSerializer json) : IMessageSerializer
    {
        public ContentType ContentType => json.ContentType;

        public MessageBody GetMessageBody<T>(SendContext<T> context)
            where T : class
        {
            var body = json.GetMessageBody(context);
            // A fault carries a copy of its message and stack traces, and nobody of ours reads it: its size is not ours to refuse.
            var bytes = body.GetBytes().Length;
            if (bytes > Limit && context.Message is not Fault)
                throw new MessageTooLargeException(
                    $"{typeof(T).Name} takes {bytes} bytes on the bus, the limit is {Limit}: payloads belong in the store, messages carry ids");
            return body;
        }
    }
}

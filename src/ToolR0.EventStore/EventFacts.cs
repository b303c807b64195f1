using JasperFx.Events;
using ToolR0.Contracts;

namespace ToolR0.EventStore;

/// <summary>Marten's event as the product's fact.</summary>
internal static class EventFacts
{
    public static StoredFact Of(IEvent stored) =>
        new(stored.StreamKey!, stored.Version, stored.Sequence, stored.Data, stored.Timestamp, stored.CausationId);
}

namespace ToolR0.Contracts.Tests;

/// <summary>Computed once, by hand-written Python: the first eight bytes of SHA-256, little-endian, without the sign bit.</summary>
internal static class Golden
{
    public const long DeriveOneA = 8_907_433_973_984_533_951;
    public const long First = 8_667_604_760_683_748_341;
    public const long Other = 4_873_406_981_494_557_670;
    public const string MessageIdOfA = "128197ca-1bca-cabd-fac2-31b39a23dc4d";
    public const string DigestOfGroup = "900b8f38aa817f9cb824b6283ec70b274b7e1a12e71273bd1179c6d35d568890";
}

using ToolR0.Contracts.Options;

namespace ToolR0.SelfPlay.Options;

/// <summary>The method's own starting point for a run's options.</summary>
public static class Presets
{
    private static readonly string[] PaperDomains =
    [
        "finance", "travel", "math", "sports", "weather", "system", "database", "vehicle_control", "communication", "entertainment",
        "retail_ecommerce", "scheduling", "cloud_infrastructure", "geolocation", "web_search", "memory_management", "programming", "iot",
        "social_media", "logistics", "real_estate", "food_ordering", "healthcare", "education", "productivity", "insurance", "cybersecurity",
        "legal", "government", "news", "translation", "utilities",
    ];

    /// <summary>The paper's constants, released-code defaults where the two differ.</summary>
    public static RunOptions Paper { get; } = new()
    {
        Preset = "paper",
        Specs = new SpecOptions { Domains = Uniform(PaperDomains) },
        Generator = new GeneratorOptions { Reward = new GeneratorRewardOptions { StrictGate = true } },
        // For models of billions of parameters: an 80 GB GPU holds such a pass, and only without every layer's activations.
        Learning = new LearningOptions { MicroBatchTokens = 16_384, Recompute = true },
    };

    /// <summary>The same weight for each domain.</summary>
    public static IReadOnlyDictionary<string, double> Uniform(IEnumerable<string> domains) => domains.ToDictionary(domain => domain, _ => 1.0);
}

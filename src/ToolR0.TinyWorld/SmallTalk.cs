using ToolR0.TinyWorld.Texts;

namespace ToolR0.TinyWorld;

/// <summary>
/// Questions that ask for nothing that a tool of the world does: thanks, greetings, feelings, opinions, stories, and requests beyond every tool's
/// reach. They hold numbers, made-up names and tools' words as tool questions do, so that none of these alone gives them away.
/// </summary>
internal static class SmallTalk
{
    /// <summary>Stands in a pattern for a word of a tool's name, half the time of a tool on the menu.</summary>
    private const string ToolWord = "word";

    private static readonly string[] Openers = ["", "", "", "", "well ", "hey ", "oh ", "by the way "];
    private static readonly string[] Greetings = ["hello ", "hi there ", "good morning ", "hey ", "thanks "];
    private static readonly string[] Thanks = [" thank you", " thanks a lot", " many thanks", " goodbye"];

    private static readonly Dictionary<string, string[]> Fillers = new()
    {
        ["relative"] = ["mother", "father", "sister", "brother", "uncle", "aunt", "cousin", "neighbour", "teacher", "friend", "boss", "daughter"],
        ["pets"] = ["cats", "dogs", "goats", "horses", "ducks", "parrots", "snails", "rabbits", "hens", "sheep"],
        ["mood"] = ["happy", "tired", "sad", "sleepy", "hungry", "angry", "proud", "bored", "nervous", "calm", "curious", "lonely"],
        ["thing"] = ["music", "rain", "coffee", "chess", "poetry", "football", "winter", "gardens", "mountains", "soup", "trains", "dancing"],
        ["quality"] = ["great", "lovely", "kind", "clever", "boring", "strange", "wonderful", "awful", "funny", "useful", "perfect"],
        ["place"] = ["paris", "the beach", "the village", "the forest", "rome", "the library", "school", "the harbour", "cairo", "the park"],
        ["food"] = ["apples", "pancakes", "noodles", "olives", "carrots", "cookies", "sausages", "lemons", "onions", "pears"],
        ["ride"] = ["bus", "train", "ferry", "taxi", "plane", "tram", "boat"],
        ["when"] = ["today", "tonight", "yesterday", "this morning", "this week", "again", "tomorrow", "on monday", "in june"],
    };

    private static readonly (string Topic, string[] Patterns)[] ByTopic =
    [
        ("thanks",
        [
            "thank you so much {name}", "thanks a lot that was {quality}", "many thanks to you and {name}", "thanks for the {word} {when}",
            "you were {quality} thank you", "thank you for {number} {quality} answers", "i wanted to thank you for being so {quality} {when}",
        ]),
        ("greeting",
        [
            "hello {name} how are you {when}", "good morning {name}", "hi there my name is {name}", "good evening how was the {thing}",
            "nice to meet you {name} i am {number}", "hello from {place} {name}", "hello my {quality} {word}",
        ]),
        ("farewell",
        [
            "goodbye {name} see you {when}", "good night and sleep well {name}", "see you in {number} hours {name}", "bye for now {name}",
            "that is all {when} goodbye", "i am off to {place} bye", "no more {word} {when} goodbye",
        ]),
        ("feeling",
        [
            "i am {mood} {when}", "my {relative} is {mood} and {mood}", "i slept {number} hours and feel {mood}", "why am i so {mood} {when}",
            "{name} makes me {mood}", "the {word} made me {mood} {when}", "i feel {mood} with {name} in {place}",
        ]),
        ("opinion",
        [
            "do you like {thing}", "i think {thing} is {quality}", "what do you think of {thing} and {thing}", "is {thing} better than {thing}",
            "i love the word {word}", "{number} of my friends like {thing}", "your {word} is {quality}", "{name} is a {quality} name",
        ]),
        ("story",
        [
            "my {relative} has {number} {pets}", "we waited {number} minutes for the {ride}", "{when} {name} ate {number} {food}",
            "the {ride} from {place} was late {when}", "{name} lives in {place} with {number} {pets}", "my {relative} said {word} {number}",
            "we went to {place} by {ride} for {number} hours",
        ]),
        ("request",
        [
            "sing a song about {thing}", "call my {relative} {when}", "cook {number} {food} for {name}", "tell {name} that i am {mood}",
            "buy {number} {food} in {place}", "drive {name} to {place}", "wake {name} at {number}", "feed my {number} {pets}",
            "dance with {name} and {name}", "sing about a {word} for {name}",
        ]),
    ];

    /// <summary>What the questions are about, one of these each.</summary>
    internal static IReadOnlyList<string> Topics { get; } = [.. ByTopic.Select(topic => topic.Topic)];

    /// <summary>The patterns' own words and their fillers, without the slots.</summary>
    internal static IReadOnlySet<string> OwnWords { get; } =
        ByTopic.SelectMany(topic => topic.Patterns).SelectMany(Parts).Where((_, i) => i % 2 == 0)
            .Concat(Fillers.Values.SelectMany(filler => filler)).Concat(Openers).Concat(Greetings).Concat(Thanks)
            .SelectMany(text => text.Split(' ', StringSplitOptions.RemoveEmptyEntries)).ToHashSet();

    /// <summary>A task whose question is small talk under a menu of the given size, drawn by <paramref name="tool"/>.</summary>
    internal static WorldTask Make(WorldRandom random, string domain, int menuSize, ToolDraw tool)
    {
        var menu = new List<WorldTool>();
        while (menu.Count < menuSize)
            WorldTask.AddDistinct(menu, tool(random, domain));
        var (topic, patterns) = random.Pick(ByTopic);
        var said = Fill(random, random.Pick(patterns), menu);
        var question = topic == "request" ? WorldTask.Framed(random, said) : random.Pick(Openers) + said;
        return new WorldTask(domain, question, menu, [], [], [said], [], topic);
    }

    /// <summary>A tool question that begins or ends as small talk does.</summary>
    internal static string Around(WorldRandom random, string question) =>
        random.Chance(0.5) ? random.Pick(Greetings) + question : question + random.Pick(Thanks);

    private static string Fill(WorldRandom random, string pattern, List<WorldTool> menu)
    {
        var parts = Parts(pattern);
        for (var i = 1; i < parts.Length; i += 2)
        {
            parts[i] = parts[i] switch
            {
                "name" => Draw.Syllables(random, random.Next(2, 3)),
                "number" => Draw.Digits(random, 2, 99),
                ToolWord => random.Pick(
                    (random.Chance(0.5) ? random.Pick(menu) : InventedTools.Make(random, random.Pick(WorldCatalog.Domains))).Words),
                var filler => random.Pick(Fillers[filler]),
            };
        }

        return string.Concat(parts);
    }

    /// <summary>Text and the names of slots in turn.</summary>
    private static string[] Parts(string pattern) => pattern.Split('{', '}');
}

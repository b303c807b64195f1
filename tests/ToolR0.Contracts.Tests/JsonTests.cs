using System.Collections;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using ToolR0.Contracts.Options;

namespace ToolR0.Contracts.Tests;

/// <summary>Every record that is stored or crosses the bus comes back from JSON as it was.</summary>
public sealed class JsonTests
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter() } };

    /// <summary>Types that are parts of others or no data; all other public records are facts or messages.</summary>
    public static TheoryData<Type> Records => [.. typeof(Ids).Assembly.GetExportedTypes()
        .Where(t => t is { IsClass: true, IsAbstract: false } && t.GetMethod("<Clone>$") is not null && t != typeof(FactAppend)
            && t != typeof(StoredFact) && t != typeof(ToolImplementation))];

    [Theory]
    [MemberData(nameof(Records))]
    public void It_comes_back_as_it_was(Type type)
    {
        var made = Make(type, 0);
        var json = JsonSerializer.Serialize(made, type, Json);
        var read = JsonSerializer.Deserialize(json, type, Json);
        JsonSerializer.Serialize(read, type, Json).ShouldBe(json);
        foreach (var property in type.GetProperties().Where(p => p.GetIndexParameters().Length == 0
            && p.GetCustomAttribute<JsonIgnoreAttribute>() is not { Condition: JsonIgnoreCondition.Always }))
        {
            property.GetValue(read).ShouldNotBeNull($"{type.Name}.{property.Name} was lost: {json}");
            if (property.PropertyType.IsValueType || property.PropertyType == typeof(string))
                property.GetValue(read).ShouldBe(property.GetValue(made));
        }
    }

    [Fact]
    public void Enum_keys_and_numeric_keys_are_names_and_numbers()
    {
        var step = new StepStarted("r", 1, Phase.Solver, 0, [], [], new Dictionary<Role, string> { [Role.Solver] = "s" });
        JsonSerializer.Serialize(step, Json).ShouldContain("\"policies\":{\"Solver\":\"s\"}");
        JsonSerializer.Serialize(new SpecOptions(), Json).ShouldContain("\"calls\":{\"1\":0.8,\"2\":0.2}");
    }

    [Fact]
    public void Options_left_out_of_a_file_keep_the_papers_values()
    {
        var options = JsonSerializer.Deserialize<RunOptions>("""{"seed":5,"generator":{"steps":7}}""", Json)!;
        options.Seed.ShouldBe(5);
        options.Generator.Steps.ShouldBe(7);
        options.Generator.GroupSize.ShouldBe(4);
        options.Curriculum.Selected.ShouldBe(2000);
        options.Specs.Calls[1].ShouldBe(0.8);
    }

    /// <summary>An instance with every member set to something that is not its default.</summary>
    private static object Make(Type type, int depth)
    {
        depth.ShouldBeLessThan(12);
        if (Nullable.GetUnderlyingType(type) is { } underlying)
            return Make(underlying, depth);
        if (type == typeof(string))
            return $"text \"{depth}\" ünï\n";
        if (type == typeof(bool))
            return true;
        if (type == typeof(int))
            return 3 + depth;
        if (type == typeof(long))
            return long.MaxValue - depth;
        if (type == typeof(double))
            return (depth + 1) / 3.0;
        if (type == typeof(float))
            return (depth + 1) / 3f;
        if (type == typeof(DateTimeOffset))
            return new DateTimeOffset(2026, 1, 2, 3, 4, 5, 6, TimeSpan.Zero);
        if (type == typeof(JsonElement))
            return JsonSerializer.Deserialize<JsonElement>("""{"b":[1.50,null,"x"],"a":-2e3}""");
        if (type.IsEnum)
            return Enum.GetValues(type).GetValue(1)!;
        if (type.IsArray)
            return Filled(type.GetElementType()!);
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>))
            return Filled(type.GetGenericArguments()[0]);
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>))
        {
            var dictionary = (IDictionary)Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(type.GetGenericArguments()))!;
            dictionary.Add(Make(type.GetGenericArguments()[0], depth + 1), Make(type.GetGenericArguments()[1], depth + 1));
            return dictionary;
        }

        var constructor = type.GetConstructors().OrderByDescending(c => c.GetParameters().Length).First();
        var made = constructor.Invoke([.. constructor.GetParameters().Select(p => Make(p.ParameterType, depth + 1))]);
        foreach (var property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.SetMethod is not null))
            property.SetValue(made, Make(property.PropertyType, depth + 1));
        return made;

        Array Filled(Type element)
        {
            var array = Array.CreateInstance(element, 2);
            for (var i = 0; i < 2; i++)
                array.SetValue(Make(element, depth + 1), i);
            return array;
        }
    }
}

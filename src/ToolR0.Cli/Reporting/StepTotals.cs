using ToolR0.Contracts;

namespace ToolR0.Cli.Reporting;

/// <summary>Sums over one step's scores while its events pass by.</summary>
internal sealed class StepTotals
{
    private readonly Dictionary<string, (double Sum, int Count)> _components = [];
    private readonly List<string> _order = [];
    private double _passRates;
    private int _probed;
    private int _groups;
    private int _flatGroups;

    public long Tokens { get; set; }
    public IReadOnlyDictionary<string, double> Learning { get; set; } = new Dictionary<string, double>();

    public double? PassRate => _probed == 0 ? null : _passRates / _probed;

    public double? ZeroVarianceShare => _groups == 0 ? null : (double)_flatGroups / _groups;

    public IReadOnlyDictionary<string, double> Means => _order.ToDictionary(name => name, name => _components[name].Sum / _components[name].Count);

    public void Add(ProposalsScored scored)
    {
        foreach (var score in scored.Scores.Where(score => !score.Void))
        {
            Add("total", score.Total);
            Add("format", score.Format);
            Add("validity", score.Validity);
            Add("difficulty", score.Difficulty);
            if (score.Coherence is { } coherence)
                Add("coherence", coherence);
            if (score.Repetition != 0 || _components.ContainsKey("repetition"))
                Add("repetition", score.Repetition);
            if (score.PassRate is { } passRate)
            {
                _passRates += passRate;
                _probed++;
            }
        }

        CountGroup([.. scored.Scores.Where(score => !score.Void).Select(score => score.Total)]);
    }

    public void Add(AttemptsScored scored)
    {
        foreach (var score in scored.Scores.Where(score => !score.Void))
        {
            Add("total", score.Total);
            Add("format", score.Format);
            Add("accuracy", score.Accuracy);
            Add("exact", score.Exact ? 1 : 0);
            Add("name", score.Name);
            Add("keys", score.Keys);
            Add("values", score.Values);
        }

        CountGroup([.. scored.Scores.Where(score => !score.Void).Select(score => score.Total)]);
    }

    private void CountGroup(double[] totals)
    {
        if (totals.Length == 0)
            return;
        _groups++;
        if (totals.All(total => total == totals[0]))
            _flatGroups++;
    }

    private void Add(string name, double value)
    {
        if (!_components.TryGetValue(name, out var sum))
            _order.Add(name);
        _components[name] = (sum.Sum + value, sum.Count + 1);
    }
}

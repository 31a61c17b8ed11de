using System.Text;

namespace Merganser.Tokenizers.Chat;

/// <summary>The variables of one place in a template, and the budget of the whole run: steps and output are bounded, so no template hangs.</summary>
internal sealed class TemplateScope
{
    private const int MostSteps = 2_000_000;
    private const int MostOutput = 64 << 20;
    private const int MostDepth = 64;
    private const int MostCalls = 100;

    private readonly Dictionary<string, object?> _variables = new(StringComparer.Ordinal);
    private readonly TemplateScope? _outer;
    private readonly Budget _budget;
    private readonly int _depth;

    public TemplateScope(StringBuilder output)
    {
        Output = output;
        _budget = new Budget();
    }

    private TemplateScope(TemplateScope outer, StringBuilder output)
    {
        (_outer, Output, _budget, _depth) = (outer, output, outer._budget, outer._depth + 1);
        if (_depth > MostDepth)
            throw new TemplateException("the template nests too deeply", 0);
    }

    /// <summary>What was written so far.</summary>
    public StringBuilder Output { get; }

    /// <summary>A scope inside this one, with output of its own if asked for.</summary>
    public TemplateScope Inner(StringBuilder? output = null) => new(this, output ?? Output);

    public void Set(string name, object? value) => _variables[name] = value;

    public object? Get(string name)
    {
        for (TemplateScope? scope = this; scope is not null; scope = scope._outer)
        {
            if (scope._variables.TryGetValue(name, out object? value))
                return value;
        }

        return Undefined.Value;
    }

    /// <summary>Counts one step.</summary>
    public void Step(int offset, int count = 1)
    {
        if ((_budget.Steps += count) > MostSteps)
            throw new TemplateException("the template takes too many steps", offset);
        if (Output.Length > MostOutput)
            throw new TemplateException("the template writes too much", offset);
    }

    /// <summary>Begins a call; calls inside calls are bounded.</summary>
    public void Enter(int offset)
    {
        if (++_budget.Calls > MostCalls)
            throw new TemplateException("calls nest too deeply", offset);
    }

    /// <summary>Ends a call.</summary>
    public void Leave() => _budget.Calls--;

    private sealed class Budget
    {
        public int Calls { get; set; }

        public int Steps { get; set; }
    }
}

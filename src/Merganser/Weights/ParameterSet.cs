namespace Merganser.Weights;

/// <summary>The resolved options of one tensor: plain numbers, switches as 0 and 1.</summary>
public sealed class ParameterSet
{
    private readonly Dictionary<(string Name, int Model), double> _values = [];

    /// <summary>Sets the value of an option; <paramref name="model"/> is −1 for an option of the whole method.</summary>
    public ParameterSet Set(string name, double value, int model = -1)
    {
        _values[(name, model)] = value;
        return this;
    }

    /// <summary>True when a value was set, as opposed to left at its default.</summary>
    public bool Has(MethodParameter parameter, int model = -1) => _values.ContainsKey((parameter.Name, parameter.PerModel ? model : -1));

    /// <summary>The value of an option, or its default.</summary>
    /// <exception cref="MerganserException">The option has no default and was not set, or the value is outside its range.</exception>
    public double Get(MethodParameter parameter, int model = -1)
    {
        if (!_values.TryGetValue((parameter.Name, parameter.PerModel ? model : -1), out double value))
            value = parameter.Default ?? throw new MerganserException($"missing required parameter '{parameter.Name}'{(parameter.PerModel ? $" of model {model + 1}" : "")}");
        if (double.IsNaN(value) || value < parameter.Minimum || value > parameter.Maximum)
            throw new MerganserException($"parameter '{parameter.Name}' is {value:R}; allowed is {parameter.Minimum:R} to {parameter.Maximum:R}");
        return value;
    }
}

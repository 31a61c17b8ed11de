using System.CommandLine;
using System.Globalization;
using Merganser.Weights;

namespace Merganser.Cli;

/// <summary><c>methods</c>: the registry of merge methods as a table, or one method with its options.</summary>
internal static class MethodsVerb
{
    public static Command Create()
    {
        var name = new Argument<string?>("name") { Description = "a method, for its options", Arity = ArgumentArity.ZeroOrOne };
        var markdown = new Option<bool>("--markdown") { Description = "print the table of the README" };
        var command = new Command("methods", "List the merge methods, or the options of one") { name, markdown };
        command.SetAction(parsed =>
        {
            TextWriter output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(name) is { } wanted)
                PrintMethod(output, MergeMethods.Find(wanted) ?? throw new MerganserException($"there is no merge method '{wanted}'; 'merganser methods' lists all"));
            else if (parsed.GetValue(markdown))
                PrintMarkdown(output);
            else
                PrintTable(output);
        });
        return command;
    }

    /// <summary>The table of the README.</summary>
    internal static void PrintMarkdown(TextWriter output)
    {
        output.WriteLine("| `merge_method` | what it does | options (default) | from |");
        output.WriteLine("|---|---|---|---|");
        foreach (MergeMethod method in MergeMethods.All)
        {
            IEnumerable<string> options = method.Parameters.Select(parameter => $"`{parameter.Name}` ({Default(parameter)})");
            output.WriteLine($"| `{method.Name}` | {Cell(method.Summary)} | {Cell(string.Join(", ", options))} | {Cell(method.Paper)} |");
        }
    }

    private static void PrintTable(TextWriter output)
    {
        int width = MergeMethods.All.Max(method => method.Name.Length);
        foreach (MergeMethod method in MergeMethods.All)
            output.WriteLine($"{method.Name.PadRight(width)}  {method.Summary}");
    }

    private static void PrintMethod(TextWriter output, MergeMethod method)
    {
        output.WriteLine($"{method.Name}: {method.Summary}");
        output.WriteLine($"from:   {method.Paper}");
        output.WriteLine($"base:   {method.Base switch { BaseRole.Required => "base_model is required", BaseRole.Optional => "base_model is optional", _ => "base_model, if any, is an input like the others" }}");
        output.WriteLine($"models: {(method.MaxModels == method.MinModels ? $"{method.MinModels}" : method.MaxModels == int.MaxValue ? $"{method.MinModels} or more" : $"{method.MinModels} to {method.MaxModels}")}");
        if (method.IsRandom)
            output.WriteLine("random: the result depends on --seed");
        foreach (MethodParameter parameter in method.Parameters)
            output.WriteLine($"  {parameter.Name}{(parameter.PerModel ? " (per model)" : "")}: {parameter.Summary}; default {Default(parameter)}{Range(parameter)}");
    }

    private static string Default(MethodParameter parameter)
    {
        if (parameter.Default is not { } value)
            return "required";
        if (parameter.Words is { } words)
            return words[(int)value];
        return parameter.IsSwitch ? value != 0 ? "true" : "false" : value.ToString("R", CultureInfo.InvariantCulture);
    }

    private static string Range(MethodParameter parameter)
    {
        if (parameter.Words is { } words)
            return $"; one of {string.Join(", ", words)}";
        if (parameter.IsSwitch || (double.IsInfinity(parameter.Minimum) && double.IsInfinity(parameter.Maximum)))
            return "";
        string low = parameter.Minimum.ToString("R", CultureInfo.InvariantCulture), high = parameter.Maximum.ToString("R", CultureInfo.InvariantCulture);
        return double.IsInfinity(parameter.Maximum) ? $"; at least {low}" : double.IsInfinity(parameter.Minimum) ? $"; at most {high}" : $"; {low} to {high}";
    }

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);
}

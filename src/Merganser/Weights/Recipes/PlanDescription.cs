using System.Globalization;
using Merganser.Checkpoints;

namespace Merganser.Weights.Recipes;

/// <summary>What a plan will do, for people.</summary>
public static class PlanDescription
{
    /// <summary>Lines that say how much is read and written, and what happens to how many tensors.</summary>
    public static IReadOnlyList<string> Describe(this MergePlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        long parameters = plan.Jobs.Sum(job => job.Output.ElementCount);
        int copied = plan.Jobs.Count(job => job.Method is null);
        TensorJob largest = plan.Jobs.MaxBy(job => job.Output.ElementCount)!;
        IEnumerable<string> types = plan.Jobs.GroupBy(job => job.Output.DType).OrderBy(group => group.Key).Select(group => $"{group.Count()} as {group.Key.TorchName()}");
        List<string> lines =
        [
            $"{plan.Jobs.Count} tensors, {Count(parameters)} parameters ({string.Join(", ", types)})",
            $"{plan.Jobs.Count - copied} merged{Method(plan)}, {copied} copied",
            $"read {Bytes(plan.BytesRead)}, written {Bytes(plan.BytesWritten)}",
            $"largest tensor: {largest.Output.Name} {largest.Output.ShapeText}",
            $"files beside the weights: {string.Join(", ", plan.CopiedFiles.Values.Concat(plan.WrittenFiles.Keys).Order(StringComparer.Ordinal))}",
            $"fingerprint {plan.Fingerprint}",
        ];
        lines.AddRange(plan.Warnings.Select(warning => $"warning: {warning}"));
        return lines;
    }

    /// <summary>For each tensor whose name contains <paramref name="part"/>: where every value of its options comes from.</summary>
    public static IReadOnlyList<string> Explain(this MergePlan plan, string part)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(part);
        List<string> lines = [];
        foreach (TensorJob job in plan.Jobs.Where(job => job.Output.Name.Contains(part, StringComparison.Ordinal)))
        {
            lines.Add($"{job.Output.Name} {job.Output.DType.TorchName()} {job.Output.ShapeText}: {job.Method?.Name ?? "copy"}");
            if (job.Base is { } baseTensor)
                lines.Add($"  base {baseTensor.Info.Name} of {baseTensor.Origin}");
            lines.AddRange(job.Inputs.Select(input => $"  from {input.Info.Name} of {input.Origin}"));
            lines.AddRange(job.Explanation.Select(line => $"  {line}"));
        }

        return lines;
    }

    private static string Method(MergePlan plan) => plan.Jobs.FirstOrDefault(job => job.Method is not null)?.Method is { } method ? $" by {method.Name}" : "";

    private static string Count(long count) => count switch
    {
        >= 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{count / 1e9:0.00} billion"),
        >= 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{count / 1e6:0.0} million"),
        _ => count.ToString("N0", CultureInfo.InvariantCulture),
    };

    private static string Bytes(long bytes) => bytes switch
    {
        >= 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.00} GB"),
        >= 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0.0} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e3:0.0} kB"),
    };
}

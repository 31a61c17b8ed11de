using System.Globalization;
using Merganser.Checkpoints;
using Merganser.Weights;
using Merganser.Weights.Execution;

namespace Merganser.Cli;

/// <summary>What the <c>merge</c> verb prints: warnings, the plan, the progress and the result.</summary>
internal sealed class MergeDisplay(TextWriter output, TextWriter error, bool quiet, bool verbose)
{
    private readonly Lock _lock = new();

    /// <summary>Prints a warning.</summary>
    public void Warn(string line)
    {
        lock (_lock)
        {
            if (!quiet)
                error.WriteLine($"warning: {line}");
        }
    }

    /// <summary>Prints a remark.</summary>
    public void Note(string line)
    {
        if (!quiet)
            error.WriteLine($"note: {line}");
    }

    /// <summary>Prints what a plan would do.</summary>
    public void Describe(MergePlan plan, string folder)
    {
        foreach (string warning in plan.Warnings)
            Warn(warning);
        if (quiet)
            return;
        int merged = plan.Jobs.Count(job => job.Method is not null);
        long parameters = plan.Jobs.Sum(job => job.Output.ElementCount);
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{folder}: {plan.Jobs.Count} tensors ({merged} merged, {plan.Jobs.Count - merged} copied), {parameters:N0} parameters"));
        output.WriteLine($"  reads {ByteSize.Format(plan.BytesRead)}, writes {ByteSize.Format(plan.BytesWritten)}");
        if (!verbose)
            return;
        foreach (TensorJob job in plan.Jobs)
            output.WriteLine($"  {job.Output.Name} {job.Output.ShapeText} {job.Output.DType.SafetensorsName()} {job.Method?.Name ?? "copy"} of {job.Inputs.Length}");
    }

    /// <summary>Prints how long a run would take.</summary>
    public void Estimate(TimeSpan duration)
    {
        if (!quiet && duration > TimeSpan.Zero)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  takes about {Math.Max(1, Math.Ceiling(duration.TotalSeconds)):F0} s and the writing"));
    }

    /// <summary>Prints where the parameters of some tensors come from.</summary>
    /// <exception cref="MerganserException">No tensor has such a name.</exception>
    public void Explain(MergePlan plan, string text)
    {
        bool found = false;
        foreach (TensorJob job in plan.Jobs.Where(job => job.Output.Name.Contains(text, StringComparison.Ordinal)))
        {
            found = true;
            output.WriteLine($"{job.Output.Name}: {job.Method?.Name ?? "copied"}");
            foreach (string line in job.Explanation)
                output.WriteLine($"  {line}");
        }

        if (!found)
            throw new MerganserException($"--explain: no tensor of the merged model has '{text}' in its name");
    }

    /// <summary>Prints what a run did.</summary>
    public void Report(MergeReport report, string folder)
    {
        if (quiet)
            return;
        string resumed = report.Resumed > 0 ? $", {ByteSize.Format(report.Resumed)} of it from the earlier run" : "";
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{folder}: {ByteSize.Format(report.BytesStored)} written{resumed} in {report.Elapsed.TotalSeconds:F1} s ({ByteSize.Format((long)(report.BytesMoved / Math.Max(1e-3, report.Elapsed.TotalSeconds)))}/s)"));
    }
}

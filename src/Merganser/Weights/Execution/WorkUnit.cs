namespace Merganser.Weights.Execution;

/// <summary>A piece of work that one thread does from begin to end and that is recorded when it is stored: a tensor, or a part of one.</summary>
/// <param name="Tensor">The index of the job in the plan.</param>
/// <param name="Begin">The first element.</param>
/// <param name="End">One past the last element.</param>
internal readonly record struct WorkUnit(int Tensor, long Begin, long End)
{
    /// <summary>Parts of tensors have this many elements: enough to be rare in the journal, few enough for all threads to finish together.</summary>
    private const long PartElements = 8L << 20;

    /// <summary>The units of a plan, the same for every run of it whatever the number of threads.</summary>
    /// <param name="jobs">The jobs.</param>
    /// <param name="isDivisible">Tells whether the job of an index may be cut into parts.</param>
    public static List<WorkUnit> Cut(IReadOnlyList<TensorJob> jobs, Func<int, bool> isDivisible)
    {
        var units = new List<WorkUnit>();
        for (int tensor = 0; tensor < jobs.Count; tensor++)
        {
            long count = jobs[tensor].Output.ElementCount;
            long part = isDivisible(tensor) ? PartElements : Math.Max(1, count);
            for (long begin = 0; begin < count; begin += part)
                units.Add(new WorkUnit(tensor, begin, Math.Min(count, begin + part)));
        }

        return units;
    }
}

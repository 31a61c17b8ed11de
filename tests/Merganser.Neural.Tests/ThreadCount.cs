namespace Merganser.Neural.Tests;

/// <summary>
/// The tests that set libtorch's number of threads. It belongs to the whole process, and sums that are split otherwise differ in
/// the last bits: these tests run when no others do.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class ThreadCount
{
    public const string Name = "number of threads";
}

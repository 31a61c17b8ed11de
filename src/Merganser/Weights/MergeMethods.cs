using Merganser.Weights.Methods;

namespace Merganser.Weights;

/// <summary>All merge methods by the name that recipes use.</summary>
public static class MergeMethods
{
    private static readonly Dictionary<string, MergeMethod> ByName = new MergeMethod[]
    {
        new Linear(),
        new Slerp(), new NuSlerp(), new MultiSlerp(), new Karcher(), new ModelStock(), new NearSwap(), new ArceeFusion(), new Passthrough(),
        new Tsvm(), new Rtsvm(), new Twin(), new Varm(), new Pcb(),
        new TaskArithmetic(), new Ties(), new DareLinear(), new DareTies(),
        new Breadcrumbs(), new BreadcrumbsTies(), new Della(), new DellaLinear(), new Sce(), new Ram(), new RamPlus(), new TiesModel(), new Dare(),
    }.ToDictionary(method => method.Name, StringComparer.Ordinal);

    /// <summary>All methods, in the order of the registry.</summary>
    public static IReadOnlyCollection<MergeMethod> All => ByName.Values;

    /// <summary>Finds a method by its name in recipes; null when there is none.</summary>
    public static MergeMethod? Find(string name) => ByName.GetValueOrDefault(name);
}

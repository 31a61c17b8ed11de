using Merganser.Checkpoints;
using Merganser.Weights.Recipes;

namespace Merganser.Tests.Weights.Recipes;

/// <summary>Folders and options for planning in tests.</summary>
internal static class RecipeFolders
{
    /// <summary>Planning as the golden recipes were run: from the folder above <c>models</c>. Adapters change nothing here: their arithmetic is tested elsewhere.</summary>
    public static PlanOptions Options { get; } = new()
    {
        WorkingFolder = Golden.Folder("weights"),
        ApplyAdapter = (_, adapter, _) => Directory.Exists(adapter) ? new Dictionary<string, TensorSource>() : throw new DirectoryNotFoundException(adapter),
    };
}

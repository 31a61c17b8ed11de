using static TorchSharp.torch;

namespace Merganser.Neural.Models.Layers;

/// <summary>Rows of a table [count, width] by id.</summary>
internal sealed class Embedding(ModelParameters parameters, string name, long count, long width)
{
    public ModelParameter Weight { get; } = parameters.Add($"{name}.weight", [count, width]);

    /// <summary>ids of any shape → that shape with the width behind.</summary>
    public Tensor Forward(Tensor ids) => Weight.Value.index_select(0, ids.reshape(-1)).view([.. ids.shape, width]);
}

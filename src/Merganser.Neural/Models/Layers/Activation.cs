using static TorchSharp.torch;

namespace Merganser.Neural.Models.Layers;

/// <summary>The activations that configurations name.</summary>
internal static class Activation
{
    /// <summary>The function of a name.</summary>
    /// <exception cref="MerganserException">The name is unknown.</exception>
    public static Func<Tensor, Tensor> Of(ModelConfig config, string key, string otherwise) =>
        Find(config.Text(key, otherwise)) ?? throw config.Wrong(key, Names);

    /// <summary>The names, for messages.</summary>
    public const string Names = "gelu, gelu_new, gelu_pytorch_tanh, gelu_fast, quick_gelu, silu, relu or tanh";

    /// <summary>The function of a name, or null.</summary>
    public static Func<Tensor, Tensor>? Find(string name) => name switch
    {
        "gelu" => static x => nn.functional.gelu(x),
        "gelu_new" or "gelu_pytorch_tanh" or "gelu_fast" => GeluTanh,
        "quick_gelu" => static x => x * x.mul(1.702).sigmoid(),
        "silu" or "swish" => static x => nn.functional.silu(x),
        "relu" => static x => x.relu(),
        "tanh" => static x => x.tanh(),
        _ => null,
    };

    /// <summary>0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).</summary>
    public static Tensor GeluTanh(Tensor x) => nn.functional.gelu(x, TorchSharp.Modules.GELU.Approximate.tanh);
}

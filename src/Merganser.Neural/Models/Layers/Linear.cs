using static TorchSharp.torch;

namespace Merganser.Neural.Models.Layers;

/// <summary>y = x·Wᵀ + b with W of shape [outputs, inputs]; with <c>inputMajor</c> W is stored as [inputs, outputs], the way GPT-2 does.</summary>
internal sealed class Linear
{
    private readonly bool _inputMajor;

    public Linear(ModelParameters parameters, string name, long inputs, long outputs, bool bias, bool inputMajor = false)
    {
        _inputMajor = inputMajor;
        Weight = parameters.Add($"{name}.weight", inputMajor ? [inputs, outputs] : [outputs, inputs]);
        Weight.Layout = inputMajor ? LinearLayout.InputMajor : LinearLayout.OutputMajor;
        Bias = bias ? parameters.Add($"{name}.bias", [outputs], Initialization.Zeros) : null;
    }

    public ModelParameter Weight { get; }

    public ModelParameter? Bias { get; }

    public Tensor Forward(Tensor input)
    {
        Tensor output = nn.functional.linear(input, _inputMajor ? Weight.Value.t() : Weight.Value, Bias?.Value);
        return Weight.Adapter is { } adapter ? adapter.Add(output, input) : output;
    }
}

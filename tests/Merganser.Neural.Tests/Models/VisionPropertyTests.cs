using CsCheck;
using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Models;

/// <summary>What holds for every encoder of pictures whatever its weights.</summary>
public sealed class VisionPropertyTests
{
    private const double Tolerance = 2e-5;

    public static TheoryData<string> Models() => [TinyFolders.Vit, TinyFolders.VitBase, TinyFolders.Deit, TinyFolders.Siglip, TinyFolders.Clip];

    [Theory]
    [MemberData(nameof(Models))]
    public void A_picture_of_a_batch_is_the_picture_alone(string config)
    {
        using PretrainedModel model = TinyFolders.Create(config);
        Gen.Select(Gen.Int[2, 4], Gen.ULong).Sample((count, seed) =>
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor pixels = Pixels(count, seed);
            Tensor[] together = Outputs(model, pixels);
            Assert.NotEmpty(together);
            for (int row = 0; row < count; row++)
            {
                Tensor[] alone = Outputs(model, pixels.narrow(0, row, 1));
                for (int i = 0; i < together.Length; i++)
                    GoldenCase.Close(alone[i], together[i].narrow(0, row, 1), Tolerance, $"output {i} of picture {row}");
            }
        }, iter: 20);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void A_token_that_stands_for_one_changes_nothing(string config)
    {
        using PretrainedModel model = TinyFolders.Create(config);
        using DisposeScope scope = NewDisposeScope();
        Tensor pixels = Pixels(2, 5);
        Tensor[] plain = Outputs(model, pixels), sized = Outputs(model, pixels, new VisionInput { Hook = new Sizes(1) });
        for (int i = 0; i < plain.Length; i++)
            GoldenCase.Close(plain[i], sized[i], Tolerance, $"output {i}");
        // The same for all tokens stands for nothing new either, as far as attention goes.
        Tensor[] three = Outputs(model, pixels, new VisionInput { Hook = new Sizes(3) });
        for (int i = 0; i < plain.Length; i++)
            GoldenCase.Close(plain[i], three[i], Tolerance, $"output {i}, three each");
    }

    internal static Tensor Pixels(int count, ulong seed)
    {
        using var generator = new Generator(seed, CPU);
        return randn([count, 3, 8, 8], generator: generator);
    }

    private static Tensor[] Outputs(PretrainedModel model, Tensor pixels, VisionInput? input = null)
    {
        VisionOutput output = model is ClipModel clip ? clip.EncodeImages(pixels, input) : ((VisionModel)model).Forward(pixels, input);
        return [.. ((IEnumerable<Tensor?>)[output.LastHidden, output.Pooled, output.Embedding, output.Logits]).OfType<Tensor>()];
    }

    /// <summary>Gives every token a size in the first block.</summary>
    private sealed class Sizes(float size) : IBlockHook
    {
        public AttentionWish Wish(int block) => AttentionWish.None;

        public TokenState AfterAttention(int block, TokenState state, AttentionOutput attention) => state.Size is null ? state with { Size = full([state.Tokens.shape[0], state.Count, 1], size) } : state;
    }
}

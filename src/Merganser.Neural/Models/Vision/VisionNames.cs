using System.Collections.Immutable;

namespace Merganser.Neural.Models.Vision;

/// <summary>
/// What the parameters of an encoder are called in published files, relative to the prefix of the trunk, and the rules for the two other
/// layouts in use: the newer one of ViT and DeiT, and timm's with queries, keys and values in one matrix.
/// </summary>
internal sealed record VisionNames
{
    /// <summary>ViT and DeiT.</summary>
    public static VisionNames Vit { get; } = new()
    {
        ClassToken = "embeddings.cls_token",
        ClassTokenIsRow = false,
        Patch = "embeddings.patch_embeddings.projection",
        Position = "embeddings.position_embeddings",
        Blocks = "encoder.layer",
        Before = "layernorm_before",
        Query = "attention.attention.query",
        Key = "attention.attention.key",
        Value = "attention.attention.value",
        Output = "attention.output.dense",
        After = "layernorm_after",
        Up = "intermediate.dense",
        Down = "output.dense",
        FinalNorm = "layernorm",
    };

    /// <summary>CLIP and SigLIP, images and text.</summary>
    public static VisionNames Clip { get; } = new()
    {
        ClassToken = "embeddings.class_embedding",
        ClassTokenIsRow = true,
        Patch = "embeddings.patch_embedding",
        Position = "embeddings.position_embedding.weight",
        Blocks = "encoder.layers",
        Before = "layer_norm1",
        Query = "self_attn.q_proj",
        Key = "self_attn.k_proj",
        Value = "self_attn.v_proj",
        Output = "self_attn.out_proj",
        After = "layer_norm2",
        Up = "mlp.fc1",
        Down = "mlp.fc2",
        FinalNorm = "post_layernorm",
    };

    public required string ClassToken { get; init; }

    /// <summary>The class token is [C] and the position table [N, C]; otherwise [1, 1, C] and [1, N, C].</summary>
    public required bool ClassTokenIsRow { get; init; }

    public required string Patch { get; init; }

    public required string Position { get; init; }

    public required string Blocks { get; init; }

    public required string Before { get; init; }

    public required string Query { get; init; }

    public required string Key { get; init; }

    public required string Value { get; init; }

    public required string Output { get; init; }

    public required string After { get; init; }

    public required string Up { get; init; }

    public required string Down { get; init; }

    public required string FinalNorm { get; init; }

    public static string DistillationToken => "embeddings.distillation_token";

    public static string PreNorm => "pre_layrnorm"; // Misspelt in every published file.

    /// <summary>The layout that recent libraries have in memory, and some files.</summary>
    public ImmutableArray<WeightRule> NewerRules =>
    [
        .. Renamed("layers.*.layernorm_before", $"{Blocks}.*.{Before}"),
        .. Renamed("layers.*.attention.q_proj", $"{Blocks}.*.{Query}"),
        .. Renamed("layers.*.attention.k_proj", $"{Blocks}.*.{Key}"),
        .. Renamed("layers.*.attention.v_proj", $"{Blocks}.*.{Value}"),
        .. Renamed("layers.*.attention.o_proj", $"{Blocks}.*.{Output}"),
        .. Renamed("layers.*.layernorm_after", $"{Blocks}.*.{After}"),
        .. Renamed("layers.*.mlp.fc1", $"{Blocks}.*.{Up}"),
        .. Renamed("layers.*.mlp.fc2", $"{Blocks}.*.{Down}"),
    ];

    /// <summary>timm's layout; its classifiers go to <paramref name="head"/> and <paramref name="distillationHead"/>.</summary>
    public ImmutableArray<WeightRule> TimmRules(string? head = null, string? distillationHead = null) =>
    [
        WeightRule.Rename("cls_token", ClassToken, TensorChange.Reshape),
        WeightRule.Rename("dist_token", DistillationToken),
        WeightRule.Rename("pos_embed", Position, TensorChange.Reshape),
        .. Renamed("patch_embed.proj", Patch),
        .. Renamed("norm_pre", PreNorm),
        .. Renamed("blocks.*.norm1", $"{Blocks}.*.{Before}"),
        .. Fused("weight"),
        .. Fused("bias"),
        .. Renamed("blocks.*.attn.proj", $"{Blocks}.*.{Output}"),
        .. Renamed("blocks.*.norm2", $"{Blocks}.*.{After}"),
        .. Renamed("blocks.*.mlp.fc1", $"{Blocks}.*.{Up}"),
        .. Renamed("blocks.*.mlp.fc2", $"{Blocks}.*.{Down}"),
        .. Renamed("norm", FinalNorm),
        .. Flat,
        .. Head("head", head),
        .. Head("head_dist", distillationHead),
    ];

    /// <summary>timm's layout with one level less, as the small family in models/vit28-tasks has it.</summary>
    private IEnumerable<WeightRule> Flat =>
    [
        .. Renamed("patch", Patch),
        .. Fused("weight", "blocks.*.qkv"),
        .. Fused("bias", "blocks.*.qkv"),
        .. Renamed("blocks.*.proj", $"{Blocks}.*.{Output}"),
        .. Renamed("blocks.*.fc1", $"{Blocks}.*.{Up}"),
        .. Renamed("blocks.*.fc2", $"{Blocks}.*.{Down}"),
    ];

    private static IEnumerable<WeightRule> Renamed(string other, string own) =>
        [WeightRule.Rename($"{other}.weight", $"{own}.weight"), WeightRule.Rename($"{other}.bias", $"{own}.bias")];

    private static IEnumerable<WeightRule> Head(string other, string? own) => own is null
        ? [WeightRule.IgnoreBeginning($"{other}.", "a head that is not used")]
        : Renamed(other, own);

    private IEnumerable<WeightRule> Fused(string part, string name = "blocks.*.attn.qkv") =>
        [WeightRule.Split($"{name}.{part}", $"{Blocks}.*.{Query}.{part}", $"{Blocks}.*.{Key}.{part}", $"{Blocks}.*.{Value}.{part}")];
}

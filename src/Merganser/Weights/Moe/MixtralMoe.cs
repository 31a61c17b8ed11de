using System.Text.Json.Nodes;

namespace Merganser.Weights.Moe;

/// <summary>"Mixtral of Experts", arXiv 2401.04088: Llama or Mistral models, no shared experts.</summary>
internal sealed class MixtralMoe : MoeArchitecture
{
    public override string Name => "mixtral";

    protected override string[] ModelTypes => ["llama", "mistral"];

    public override string Router => "block_sparse_moe.gate.weight";

    public override string? Objection(MoeConfig config, IEnumerable<string> modelTypes) =>
        config.SharedExperts.IsEmpty ? base.Objection(config, modelTypes) : "mixtral has no shared experts";

    public override string ExpertTensor(int expert, MlpPart part) =>
        $"block_sparse_moe.experts.{expert}.{part switch { MlpPart.Gate => "w1", MlpPart.Up => "w3", _ => "w2" }}.weight";

    public override void Configure(JsonObject config, MoeConfig recipe, int expertsPerToken)
    {
        Rename(config, "MixtralForCausalLM", "mixtral");
        config["num_local_experts"] = recipe.Experts.Length;
        config["num_experts_per_tok"] = expertsPerToken;
        config["sliding_window"] = null;
        config["output_router_logits"] = false;
        config["router_aux_loss_coef"] = 0.001;
    }
}

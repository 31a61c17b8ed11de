using System.Text.Json.Nodes;

namespace Merganser.Weights.Moe;

/// <summary>Qwen3-MoE, arXiv 2505.09388: Qwen3 models, no shared experts.</summary>
internal sealed class Qwen3Moe : MoeArchitecture
{
    public override string Name => "qwen3";

    protected override string[] ModelTypes => ["qwen3"];

    public override string? Objection(MoeConfig config, IEnumerable<string> modelTypes) =>
        config.SharedExperts.IsEmpty ? base.Objection(config, modelTypes) : "qwen3 has no shared experts";

    public override void Configure(JsonObject config, MoeConfig recipe, int expertsPerToken)
    {
        Rename(config, "Qwen3MoeForCausalLM", "qwen3_moe");
        config["num_experts"] = recipe.Experts.Length;
        config["num_experts_per_tok"] = expertsPerToken;
        config["decoder_sparse_step"] = 1;
        config["norm_topk_prob"] = true;
        config["mlp_only_layers"] = new JsonArray();
        config["moe_intermediate_size"] = Width(config);
        config["output_router_logits"] = false;
        config["router_aux_loss_coef"] = 0.001;
    }
}

using System.Text.Json.Nodes;

namespace Merganser.Weights.Moe;

/// <summary>Qwen2-MoE: exactly one shared expert with a gate of its own; q, k and v have biases.</summary>
internal sealed class QwenMoe : MoeArchitecture
{
    public override string Name => "qwen";

    protected override string[] ModelTypes => ["llama", "mistral", "qwen2"];

    public override string? SharedPrefix => "mlp.shared_expert";

    public override string? SharedGate => "mlp.shared_expert_gate.weight";

    public override bool NeedsAttentionBiases => true;

    public override string? Objection(MoeConfig config, IEnumerable<string> modelTypes)
    {
        if (config.SharedExperts.Length != 1)
            return $"qwen needs exactly one shared expert, not {config.SharedExperts.Length}";
        if (!config.HasRandomGates && config.SharedExperts[0].PositivePrompts.IsEmpty)
            return "qwen's shared expert has a gate and needs positive_prompts";
        return base.Objection(config, modelTypes);
    }

    public override void Configure(JsonObject config, MoeConfig recipe, int expertsPerToken)
    {
        Rename(config, "Qwen2MoeForCausalLM", "qwen2_moe");
        config["num_experts"] = recipe.Experts.Length;
        config["num_experts_per_tok"] = expertsPerToken;
        config["decoder_sparse_step"] = 1;
        config["norm_topk_prob"] = true;
        config["mlp_only_layers"] = new JsonArray();
        config["moe_intermediate_size"] = Width(config);
        config["shared_expert_intermediate_size"] = Width(config);
        config["output_router_logits"] = false;
        config["router_aux_loss_coef"] = 0.001;
    }
}

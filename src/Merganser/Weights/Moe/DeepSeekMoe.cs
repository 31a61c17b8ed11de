using System.Text.Json.Nodes;

namespace Merganser.Weights.Moe;

/// <summary>"DeepSeekMoE", arXiv 2401.06066: Llama or Mistral models, at most one shared expert, which has no gate.</summary>
internal sealed class DeepSeekMoe : MoeArchitecture
{
    private const string Repository = "deepseek-ai/deepseek-moe-16b-base--";

    public override string Name => "deepseek";

    protected override string[] ModelTypes => ["llama", "mistral"];

    public override string? SharedPrefix => "mlp.shared_experts";

    public override string? Objection(MoeConfig config, IEnumerable<string> modelTypes) => config.SharedExperts.Length <= 1
        ? base.Objection(config, modelTypes)
        : $"deepseek takes at most one shared expert, not {config.SharedExperts.Length}";

    public override int DefaultExpertsPerToken(MoeConfig config) => config.SharedExperts.IsEmpty ? 2 : 1;

    public override void Configure(JsonObject config, MoeConfig recipe, int expertsPerToken)
    {
        Rename(config, "DeepseekForCausalLM", "deepseek");
        config["n_routed_experts"] = recipe.Experts.Length;
        config["n_shared_experts"] = recipe.SharedExperts.IsEmpty ? null : recipe.SharedExperts.Length;
        config["num_experts_per_tok"] = expertsPerToken;
        config["first_k_dense_replace"] = 0;
        config["moe_layer_freq"] = 1;
        config["scoring_func"] = "softmax";
        config["norm_topk_prob"] = true;
        config["moe_intermediate_size"] = Width(config);
        config["aux_loss_alpha"] = 0.001;
        config["auto_map"] = new JsonObject
        {
            ["AutoConfig"] = Repository + "configuration_deepseek.DeepseekConfig",
            ["AutoModel"] = Repository + "modeling_deepseek.DeepseekModel",
            ["AutoModelForCausalLM"] = Repository + "modeling_deepseek.DeepseekForCausalLM",
        };
    }
}

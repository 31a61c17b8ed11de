namespace Merganser.Weights.Selection;

/// <summary>Elects and merges with thresholds that are known; the rules are in the documentation of <see cref="Methods.TiesModel"/>.</summary>
internal sealed unsafe class TiesModelMerger(TiesStatistics statistics, TiesRule rule) : TensorMerger
{
    /// <inheritdoc/>
    public override bool IsStateless => true;

    /// <summary>The number whose sign is elected at one position of trimmed task vectors.</summary>
    public static float Vote(in Tile tile, int index, TiesResolve resolve, ReadOnlySpan<TiesTrim> trims)
    {
        float vote = 0;
        float largest = 0;
        for (int model = 0; model < trims.Length; model++)
        {
            float value = tile.Model(model)[index];
            float share = value * value * trims[model].InverseSquare;
            switch (resolve)
            {
                case TiesResolve.Mass:
                    vote += value;
                    break;
                case TiesResolve.NormMass:
                    vote += value < 0 ? -share : share;
                    break;
                case TiesResolve.NormFraction when share > largest:
                    largest = share;
                    vote = value;
                    break;
            }
        }

        return vote;
    }

    /// <inheritdoc/>
    public override void Apply(in Tile tile)
    {
        for (int model = 0; model < tile.ModelCount; model++)
            statistics.Trims[model].Trim(tile.Model(model), tile.Base);
        if (rule.Resolve == TiesResolve.Mass && rule.Merge != TiesMerge.Max)
        {
            ApplyMass(tile);
            return;
        }

        for (int i = 0; i < tile.Count; i++)
            tile.Output[i] = tile.Base[i] + (rule.Lambda * (rule.Resolve == TiesResolve.None ? MergeAll(tile, i) : MergeElected(tile, i)));
    }

    /// <summary>The usual rule, with vectors. A sign that stays 0 keeps negative values, just as a negative one.</summary>
    private void ApplyMass(in Tile tile)
    {
        int models = tile.ModelCount;
        Span<WeightedInput> inputs = models <= 64 ? stackalloc WeightedInput[models] : new WeightedInput[models];
        for (int model = 0; model < models; model++)
            inputs[model] = new WeightedInput(TaskVectorKernels.Pointer(tile.Model(model)), 1, 1);
        TaskVectorKernels.AddElected(
            TaskVectorKernels.Pointer(tile.Base), inputs, rule.Lambda, rule.Merge == TiesMerge.Mean, statistics.Majority <= 0,
            TaskVectorKernels.Pointer(tile.Output), tile.Count);
    }

    private float MergeElected(in Tile tile, int index)
    {
        float vote = Vote(tile, index, rule.Resolve, statistics.Trims);
        float sign = vote > 0 ? 1 : vote < 0 ? -1 : statistics.Majority;
        float sum = 0;
        float largest = 0;
        int count = 0;
        for (int model = 0; model < tile.ModelCount; model++)
        {
            float value = tile.Model(model)[index];
            if (sign > 0 ? value > 0 : value < 0)
            {
                sum += value;
                largest = Math.Max(largest, Math.Abs(value));
                count++;
            }
        }

        return rule.Merge switch
        {
            TiesMerge.Mean => sum / Math.Max(1, count),
            TiesMerge.Sum => sum,
            _ => largest * sign,
        };
    }

    private float MergeAll(in Tile tile, int index)
    {
        float sum = 0;
        float largest = 0;
        int count = 0;
        for (int model = 0; model < tile.ModelCount; model++)
        {
            float value = tile.Model(model)[index];
            sum += value;
            count += value != 0 ? 1 : 0;
            largest = Math.Abs(value) > Math.Abs(largest) ? value : largest;
        }

        return rule.Merge switch
        {
            TiesMerge.Mean => sum / Math.Max(1, count),
            TiesMerge.Sum => sum,
            _ => largest,
        };
    }
}

using Merganser.Neural.Models;
using Merganser.Neural.Models.Classification;
using Merganser.Neural.Models.Embeddings;
using Merganser.Neural.Models.Processing;
using Merganser.Neural.Models.Vision;
using Merganser.Tests;
using Merganser.Tokenizers;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Models;

/// <summary>A thousand calls of encoders, encoder-decoders and what stands around them leave no native tensor; counted as in <see cref="TensorLifetimeTests"/>.</summary>
public sealed class EncoderLifetimeTests
{
    private const int Calls = 1000;

    private static long Alive => DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;

    [Theory]
    [InlineData(TinyFolders.Bert)]
    [InlineData(TinyFolders.BertClassifier)]
    [InlineData(TinyFolders.Roberta)]
    [InlineData(TinyFolders.T5)]
    public void Text_encoders(string config)
    {
        using PretrainedModel model = TinyFolders.Create(config);
        using Tensor ids = TinyModel.Ids(2, 5, 3, 12), mask = ones_like(ids);
        Count(() =>
        {
            EncoderOutput output = ((EncoderModel)model).Forward(ids, new EncoderInput { Mask = mask });
            output.LastHiddenState.Dispose();
            output.Pooled?.Dispose();
            output.Logits?.Dispose();
        });
    }

    [Theory]
    [InlineData(TinyFolders.T5Whole)]
    [InlineData(TinyFolders.Whisper)]
    public void Encoder_decoders(string config)
    {
        using PretrainedModel loaded = TinyFolders.Create(config);
        var model = (Seq2SeqLm)loaded;
        using Tensor source = Seq2SeqPropertyTests.Source(model, 2, 5), ids = TinyModel.Ids(2, 3, 3, 12);
        Count(() => model.Forward(source, ids).Dispose());
        Count(() => model.Greedy(source, 2, stopAtEnd: false).Dispose(), 200);
    }

    [Theory]
    [InlineData(TinyFolders.Vit)]
    [InlineData(TinyFolders.VitBase)]
    [InlineData(TinyFolders.Deit)]
    [InlineData(TinyFolders.Siglip)]
    [InlineData(TinyFolders.Clip)]
    public void Image_encoders(string config)
    {
        using PretrainedModel model = TinyFolders.Create(config);
        using Tensor pixels = VisionPropertyTests.Pixels(2, 5);
        Count(() =>
        {
            VisionOutput output = model is ClipModel clip ? clip.EncodeImages(pixels) : ((VisionModel)model).Forward(pixels);
            foreach (Tensor? tensor in (IEnumerable<Tensor?>)[output.State.Tokens, output.LastHidden, output.Pooled, output.Embedding, output.Logits, output.ClassLogits, output.DistillationLogits])
                tensor?.Dispose();
        });
    }

    [Fact]
    public void Classifiers_embedders_and_processors()
    {
        using var folder = new TempFolder();
        Picture[] pictures = [new Picture(9, 11, 3, new byte[297]), new Picture(8, 8, 3, new byte[192])];
        string[] texts = ["a fine film", "poor"];
        string bert = TinyFolders.Make(folder, TinyFolders.BertClassifier, "classifier"), clip = TinyFolders.Make(folder, TinyFolders.Clip, "clip"), vit = TinyFolders.Make(folder, TinyFolders.Vit, "vit");
        long before = Alive;
        using (var classifier = new TextClassifier(PretrainedModel.Load<BertModel>(bert), Tokenizer.Load(bert)))
            Count(() => classifier.Classify(texts), 300);
        using (ImageEmbedder embedder = ImageEmbedder.Load(vit))
            Count(() => embedder.Embed(pictures), 300);
        using (TextEmbedder embedder = TextEmbedder.Load(clip))
            Count(() => embedder.Embed(texts), 300);
        ClipModel model = PretrainedModel.Load<ClipModel>(clip);
        using (var classifier = new ZeroShotClassifier(model, ImageProcessor.Load(model), Tokenizer.Load(clip), texts, "the {}"))
            Count(() => classifier.Classify(pictures), 300);
        var sound = new AudioProcessor { Length = 1600 };
        Count(() => sound.Process([new Audio(new float[900], 16_000)]).Dispose(), 300);
        Assert.Equal(before, Alive);
    }

    private static void Count(Action call, int calls = Calls)
    {
        long before = Alive;
        for (int i = 0; i < calls; i++)
            call();
        Assert.Equal(before, Alive);
    }
}

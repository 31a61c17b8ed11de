using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

public sealed class LatticeTests
{
    [Fact]
    public void Best_paths_and_expected_counts_agree_with_all_paths_listed()
    {
        var random = new Random(11);
        for (int i = 0; i < 2000; i++)
        {
            int length = random.Next(1, 9);
            double level = i % 3 == 0 ? -100 : i % 3 == 1 ? 2 : -10; // the sums of the first are made in logarithms
            var lattice = new Lattice();
            lattice.Reset(length);
            int id = 0;
            for (int begin = 0; begin < length; begin++)
            {
                for (int end = begin + 1; end <= length; end++)
                {
                    if (random.Next(3) > 0)
                        lattice.Add(begin, end, id++, level * random.NextDouble());
                }
            }

            var all = new List<(double Score, int[] Path)>();
            List(lattice, length, 0, 0, [], all);
            all = [.. all.OrderByDescending(path => path.Score)];
            int[][] best = lattice.FindNBest(5, out double[] scores);
            Assert.Equal(Math.Min(5, all.Count), best.Length);
            for (int k = 0; k < best.Length; k++)
            {
                Assert.Equal(all[k].Path, best[k]);
                Assert.Equal(all[k].Score, scores[k], 1e-9);
            }

            var path = new List<int>();
            Assert.Equal(all.Count > 0, lattice.FindBest(path));
            path.Reverse();
            Assert.Equal(all.Count > 0 ? all[0].Path : [], path);
            var expected = new double[id];
            double total = lattice.AddExpectedCounts(expected, weight: 2);
            double sum = all.Sum(path => Math.Exp(path.Score));
            if (all.Count == 0)
            {
                Assert.Equal(double.NegativeInfinity, total);
                continue;
            }

            Assert.Equal(Math.Log(sum), total, 1e-9);
            for (int node = 0; node < id; node++)
                Assert.Equal(2 * all.Where(path => path.Path.Contains(node)).Sum(path => Math.Exp(path.Score)) / sum, expected[node], 1e-9);
        }
    }

    [Fact]
    public void The_unigram_encoder_takes_the_best_path_of_the_lattice()
    {
        var random = new Random(13);
        for (int model = 0; model < 200; model++)
        {
            string[] pieces = [.. Enumerable.Range(0, 25).Select(_ => new string([.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => "abcé"[random.Next(4)])])).Distinct()];
            Vocabulary vocabulary = MergeEngineTests.Build(["<unk>", .. pieces]);
            double[] scores = [.. Enumerable.Range(0, vocabulary.IdLimit).Select(_ => -10 * random.NextDouble())];
            var unigram = new UnigramModel(vocabulary, scores) { UnkId = 0, FuseUnk = false };
            ModelEncoder encoder = unigram.CreateEncoder();
            var lattice = new Lattice();
            var path = new List<int>();
            for (int i = 0; i < 50; i++)
            {
                byte[] text = System.Text.Encoding.UTF8.GetBytes(new string([.. Enumerable.Range(0, random.Next(1, 20)).Select(_ => "abcéx"[random.Next(5)])]));
                var tokens = new TokenBuffer();
                encoder.Encode(text, tokens);
                lattice.Build(text, unigram.Trie, scores, 0, unigram.UnknownScore);
                lattice.FindBest(path);
                path.Reverse();
                Assert.Equal(path.Select(node => lattice.Nodes[node].Id), tokens.Ids.ToArray());
            }
        }
    }

    [Fact]
    public void The_trie_finds_exactly_its_keys()
    {
        var random = new Random(19);
        for (int i = 0; i < 100; i++)
        {
            var keys = new Dictionary<string, int>();
            for (int n = random.Next(1, 400); n > 0; n--)
                keys[new string([.. Enumerable.Range(0, random.Next(1, 9)).Select(_ => (char)random.Next(0, 128))])] = n;
            var builder = new DoubleArrayTrie.Builder();
            foreach ((string key, int value) in keys)
                builder.Add(System.Text.Encoding.UTF8.GetBytes(key), value);
            DoubleArrayTrie trie = builder.Build();
            foreach ((string key, int value) in keys)
            {
                int node = trie.Find(DoubleArrayTrie.Root, System.Text.Encoding.UTF8.GetBytes(key));
                Assert.Equal(value, trie.Value(node));
                string other = key + (char)random.Next(0, 128);
                int behind = trie.Find(DoubleArrayTrie.Root, System.Text.Encoding.UTF8.GetBytes(other));
                Assert.Equal(keys.GetValueOrDefault(other, -1), behind < 0 ? -1 : trie.Value(behind));
            }
        }
    }

    private static void List(Lattice lattice, int length, int at, double score, List<int> path, List<(double Score, int[] Path)> all)
    {
        if (at == length)
            all.Add((score, [.. path]));
        for (int node = 0; node < lattice.Nodes.Length; node++)
        {
            if (lattice.Nodes[node].Begin != at)
                continue;
            path.Add(node);
            List(lattice, length, lattice.Nodes[node].End, score + lattice.Nodes[node].Score, path, all);
            path.RemoveAt(path.Count - 1);
        }
    }
}

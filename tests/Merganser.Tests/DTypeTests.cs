using Merganser.Checkpoints;

namespace Merganser.Tests;

public sealed class DTypeTests
{
    [Fact]
    public void Every_type_is_found_by_both_of_its_names()
    {
        foreach (DType type in Enum.GetValues<DType>())
        {
            Assert.True(DTypes.TryParseSafetensors(type.SafetensorsName(), out DType found) && found == type);
            Assert.True(DTypes.TryParseTorch("torch." + type.TorchName(), out found) && found == type);
        }
    }
}

namespace Merganser.Checkpoints.Torch;

/// <summary>A stored entry of a zip archive: a range of the file.</summary>
internal readonly record struct ZipEntry(string Name, long Offset, long Length);

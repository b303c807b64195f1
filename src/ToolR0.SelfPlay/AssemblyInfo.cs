using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("ToolR0.SelfPlay.Tests")]

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace TorchSharp.Native;

/// <summary>
/// An ATen operator by schema name and overload. The first call of any looks all of them up, so that a libtorch that lacks one says so at once and not
/// in the middle of a run.
/// </summary>
internal sealed unsafe class Op
{
    private static readonly List<Op> All = [];
    private static readonly Lock AllLock = new();

    private readonly string _name;
    private readonly string _overload;
    private readonly bool _optional;
    private volatile int _id = -1;

    /// <param name="optional">Its callers ask <see cref="Exists"/> first.</param>
    internal Op(string name, string overload = "", bool optional = false)
    {
        (_name, _overload, _optional) = (name, overload, optional);
        lock (AllLock)
            All.Add(this);
    }

    /// <summary>This libtorch has it.</summary>
    internal bool Exists
    {
        get
        {
            if (_id < 0)
                ResolveAll();
            return _id >= 0;
        }
    }

    private int Id => Exists ? _id : throw Lacks([this]);

    /// <summary>Calls it for the one tensor it returns.</summary>
    internal torch.Tensor Call(params ReadOnlySpan<Arg> args)
    {
        nint handle = 0;
        Invoke(args, &handle, 1);
        return new torch.Tensor(handle);
    }

    /// <summary>Calls it for what it does to its arguments.</summary>
    internal void Run(params ReadOnlySpan<Arg> args) => Invoke(args, null, 0);

    /// <summary>Calls it for the two tensors it returns.</summary>
    internal (torch.Tensor First, torch.Tensor Second) Pair(params ReadOnlySpan<Arg> args)
    {
        var handles = stackalloc nint[2];
        Invoke(args, handles, 2);
        return (new torch.Tensor(handles[0]), new torch.Tensor(handles[1]));
    }

    /// <summary>Calls it for a list of at most <paramref name="capacity"/> tensors.</summary>
    internal torch.Tensor[] List(long capacity, params ReadOnlySpan<Arg> args)
    {
        var handles = new nint[Math.Max(1, capacity)];
        fixed (nint* pinned = handles)
        {
            var tensors = new torch.Tensor[Invoke(args, pinned, handles.Length)];
            for (var i = 0; i < tensors.Length; i++)
                tensors[i] = new torch.Tensor(handles[i]);
            return tensors;
        }
    }

    [SkipLocalsInit]
    private int Invoke(ReadOnlySpan<Arg> args, nint* results, int capacity)
    {
        const int StackWords = 256;
        var words = 0;
        foreach (ref readonly var arg in args)
            words += arg.Words;
        var native = stackalloc NativeArg[args.Length];
        var onStack = stackalloc long[words <= StackWords ? words : 0];
        var onHeap = words <= StackWords ? null : new long[words];
        fixed (long* pinned = onHeap)
        {
            var payload = onHeap is null ? onStack : pinned;
            for (var i = 0; i < args.Length; i++)
            {
                ref readonly var arg = ref args[i];
                native[i].Kind = arg.Kind;
                native[i].Count = arg.Count;
                native[i].Bits = arg.Bits;
                if (arg.Owner is null)
                    continue;
                if (arg.Kind == ArgKind.Tensor)
                {
                    native[i].Bits = Unsafe.As<torch.Tensor>(arg.Owner).Handle;
                    continue;
                }

                native[i].Bits = (nint)payload;
                Write(in arg, payload);
                payload += arg.Words;
            }

            return NativeMethods.Check(NativeMethods.tr_call(Id, native, args.Length, results, capacity));
        }
    }

    private static void Write(in Arg arg, long* payload)
    {
        switch (arg.Owner)
        {
            case long[] values:
                values.CopyTo(new Span<long>(payload, values.Length));
                break;
            case torch.Tensor?[] tensors:
                for (var i = 0; i < tensors.Length; i++)
                    payload[i] = tensors[i] is { } tensor ? tensor.Handle : 0;
                break;
            case string text:
                Encoding.UTF8.GetBytes(text, new Span<byte>(payload, arg.Count));
                break;
        }
    }

    /// <exception cref="ExternalException">libtorch lacks some; the message names them all.</exception>
    private static void ResolveAll()
    {
        lock (AllLock)
        {
            Op[] missing = [.. All.Where(op => !op.Resolve() && !op._optional)];
            if (missing.Length > 0)
                throw Lacks(missing);
        }
    }

    private bool Resolve()
    {
        if (_id < 0)
        {
            fixed (byte* nameBytes = Encoding.UTF8.GetBytes(_name + "\0"), overloadBytes = Encoding.UTF8.GetBytes(_overload + "\0"))
                _id = NativeMethods.tr_operator(nameBytes, overloadBytes);
        }

        return _id >= 0;
    }

    private static ExternalException Lacks(Op[] operators) => new(
        $"libtorch {torch.__version__} lacks {string.Join(", ", operators.Select(op => op._overload.Length > 0 ? $"{op._name}.{op._overload}" : op._name))}");
}

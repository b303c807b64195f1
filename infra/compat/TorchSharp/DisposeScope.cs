namespace TorchSharp;

/// <summary>
/// Disposes, when it is disposed itself, the tensors made on its thread since it was opened, but for those moved out of it.
/// Scopes nest and belong to the thread that opens them.
/// </summary>
public sealed class DisposeScope : IDisposable
{
    private readonly Lock _gate = new();
    private DisposeScopeManager? _manager;
    private torch.Tensor[] _tensors = new torch.Tensor[16];
    private int _count;

    internal DisposeScope(DisposeScopeManager manager)
    {
        _manager = manager;
        OuterScope = manager.CurrentDisposeScope;
    }

    internal DisposeScope? OuterScope { get; set; }

    /// <summary>The tensors the scope holds at this moment.</summary>
    public IReadOnlyList<IDisposable> DisposablesView
    {
        get
        {
            ObjectDisposedException.ThrowIf(_manager is null, this);
            lock (_gate)
                return _tensors.AsSpan(0, _count).ToArray();
        }
    }

    public int DisposablesCount
    {
        get
        {
            ObjectDisposedException.ThrowIf(_manager is null, this);
            return _count;
        }
    }

    public bool Contains(IDisposable disposable) => disposable is torch.Tensor tensor && ReferenceEquals(tensor.OwningDisposeScope, this);

    /// <summary>Hands it to the scope around this one; with none around, to nobody.</summary>
    public T MoveToOuter<T>(T disposable) where T : IDisposable => MoveToOther(OuterScope, disposable);

    public (T1 first, T2 second) MoveToOuter<T1, T2>(T1 first, T2 second) where T1 : IDisposable where T2 : IDisposable =>
        (MoveToOuter(first), MoveToOuter(second));

    public (T1 first, T2 second, T3 third) MoveToOuter<T1, T2, T3>(T1 first, T2 second, T3 third)
        where T1 : IDisposable where T2 : IDisposable where T3 : IDisposable =>
        (MoveToOuter(first), MoveToOuter(second), MoveToOuter(third));

    public void MoveToOuter(params IDisposable[] disposables) => MoveToOuter((IEnumerable<IDisposable>)disposables);

    public void MoveToOuter(IEnumerable<IDisposable> disposables) => MoveToOther(OuterScope, disposables);

    public T MoveToOther<T>(DisposeScope? scope, T disposable) where T : IDisposable
    {
        Move(scope, disposable);
        return disposable;
    }

    public void MoveToOther(DisposeScope? scope, params IDisposable[] disposables) => MoveToOther(scope, (IEnumerable<IDisposable>)disposables);

    public void MoveToOther(DisposeScope? scope, IEnumerable<IDisposable> disposables)
    {
        foreach (var disposable in disposables)
            Move(scope, disposable);
    }

    /// <summary>Takes it out of all scopes: the caller disposes it.</summary>
    public T Detach<T>(T disposable) where T : IDisposable => MoveToOther(null, disposable);

    public (T1 first, T2 second) Detach<T1, T2>(T1 first, T2 second) where T1 : IDisposable where T2 : IDisposable =>
        (Detach(first), Detach(second));

    public void Detach(params IDisposable[] disposables) => Detach((IEnumerable<IDisposable>)disposables);

    public void Detach(IEnumerable<IDisposable> disposables) => MoveToOther(null, disposables);

    public void Attach(IDisposable disposable) => Attach([disposable]);

    public void Attach(params IDisposable[] disposables) => Attach((IEnumerable<IDisposable>)disposables);

    public IReadOnlyList<IDisposable> Attach(IEnumerable<IDisposable> disposables)
    {
        ObjectDisposedException.ThrowIf(_manager is null, this);
        var attached = new List<IDisposable>();
        foreach (var disposable in disposables)
        {
            if (disposable is not torch.Tensor tensor)
                throw new InvalidOperationException("DisposeScope can only manage Tensor or PackedSequence");
            if (!ReferenceEquals(tensor.OwningDisposeScope, this))
            {
                tensor.OwningDisposeScope?.Remove(tensor);
                Add(tensor);
            }

            attached.Add(disposable);
        }

        return attached;
    }

    public void DisposeEverything() => DisposeEverythingBut(Array.Empty<IDisposable>());

    public void DisposeEverythingBut(IEnumerable<IDisposable> inKeep)
    {
        ObjectDisposedException.ThrowIf(_manager is null, this);
        var keep = inKeep.ToHashSet(ReferenceEqualityComparer.Instance);
        torch.Tensor[] all;
        lock (_gate)
        {
            if (_count == 0)
                return;
            all = _tensors;
            _tensors = new torch.Tensor[16];
            (var count, _count) = (_count, 0);
            Array.Resize(ref all, count);
        }

        foreach (var tensor in all)
        {
            if (keep.Count != 0 && keep.Contains(tensor))
            {
                Add(tensor);
                continue;
            }

            tensor.OwningDisposeScope = null;
            tensor.Dispose();
        }
    }

    public void DisposeEverythingBut(params IDisposable[] keep) => DisposeEverythingBut((IEnumerable<IDisposable>)keep);

    public T DisposeEverythingBut<T>(T keep) where T : IDisposable
    {
        DisposeEverythingBut((IEnumerable<IDisposable>)[keep]);
        return keep;
    }

    public void Dispose()
    {
        if (_manager is null)
            return;
        while (Last() is { } tensor)
        {
            tensor.OwningDisposeScope = null;
            tensor.Dispose();
        }

        _manager.RemoveDisposeScope(this);
        _manager = null;
    }

    /// <summary>Tells the scope that something of it was disposed by hand.</summary>
    public void MarkAsDisposed(IDisposable disposable)
    {
        ObjectDisposedException.ThrowIf(_manager is null, this);
        if (disposable is torch.Tensor tensor)
            Remove(tensor);
    }

    private void Move(DisposeScope? scope, IDisposable disposable)
    {
        ObjectDisposedException.ThrowIf(_manager is null, this);
        if (disposable is torch.Tensor tensor && Remove(tensor))
            scope?.Add(tensor);
    }

    internal void Add(torch.Tensor tensor)
    {
        lock (_gate)
        {
            if (_count == _tensors.Length)
                Array.Resize(ref _tensors, 2 * _count);
            tensor.OwningDisposeScope = this;
            tensor.ScopeIndex = _count;
            _tensors[_count++] = tensor;
        }
    }

    /// <summary>Takes a tensor out in constant time: the last one takes its place.</summary>
    internal bool Remove(torch.Tensor tensor)
    {
        lock (_gate)
        {
            if (!ReferenceEquals(tensor.OwningDisposeScope, this))
                return false;
            tensor.OwningDisposeScope = null;
            var index = tensor.ScopeIndex;
            if (index >= _count || !ReferenceEquals(_tensors[index], tensor))
                return false;
            var last = _tensors[--_count];
            _tensors[index] = last;
            last.ScopeIndex = index;
            _tensors[_count] = null!;
            return true;
        }
    }

    /// <summary>Takes out the tensor that came last; null when there is none.</summary>
    private torch.Tensor? Last()
    {
        lock (_gate)
            return _count == 0 ? null : _tensors[--_count];
    }

    internal static void ReplaceWith(torch.Tensor original, torch.Tensor replacement)
    {
        var scope = original.OwningDisposeScope;
        if (scope is not null && scope.Remove(original))
            scope.Add(replacement);
    }
}

/// <summary>The dispose scopes of one thread.</summary>
public class DisposeScopeManager
{
    [ThreadStatic]
    private static DisposeScopeManager? _threadSingleton;

    internal static DisposeScopeManager ThreadSingleton => _threadSingleton ??= new DisposeScopeManager();

    internal DisposeScope? CurrentDisposeScope { get; private set; }

    internal DisposeScope NewDisposeScope() => CurrentDisposeScope = new DisposeScope(this);

    internal void RemoveDisposeScope(DisposeScope scope)
    {
        if (ReferenceEquals(CurrentDisposeScope, scope))
        {
            CurrentDisposeScope = scope.OuterScope;
            return;
        }

        for (var inner = CurrentDisposeScope; inner is not null; inner = inner.OuterScope)
        {
            if (ReferenceEquals(inner.OuterScope, scope))
            {
                inner.OuterScope = scope.OuterScope;
                return;
            }
        }
    }
}

public static partial class torch
{
    /// <summary>Opens a scope for the tensors made from here on, on this thread.</summary>
    public static DisposeScope NewDisposeScope() => DisposeScopeManager.ThreadSingleton.NewDisposeScope();
}

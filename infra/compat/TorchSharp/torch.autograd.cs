using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Turns gradient tracking off on this thread until it is disposed.</summary>
    public static IDisposable no_grad() => new GradModeScope(false);

    public static IDisposable enable_grad(bool enabled = true) => new GradModeScope(enabled);

    public static IDisposable set_grad_enabled(bool mode = true) => new GradModeScope(mode);

    public static bool is_grad_enabled() => NativeMethods.tr_grad_enabled() != 0;

    /// <summary>As <see cref="no_grad"/>, and faster: tensors made inside can never take part in a gradient.</summary>
    public static IDisposable inference_mode(bool mode = true) => new InferenceModeScope(mode);

    public static bool is_inference_mode_enabled() => NativeMethods.tr_inference_enabled() != 0;

    public static partial class autograd
    {
        /// <summary>The gradients of the sum of outputs with respect to the inputs; the inputs' own <c>grad</c> stays as it is.</summary>
        public static unsafe IList<Tensor> grad(
            IList<Tensor> outputs,
            IList<Tensor> inputs,
            IList<Tensor>? grad_outputs = null,
            bool retain_graph = false,
            bool create_graph = false,
            bool allow_unused = false)
        {
            var results = new nint[inputs.Count];
            fixed (nint* outs = Handles(outputs), ins = Handles(inputs), grads = Handles(grad_outputs), found = results)
            {
                NativeMethods.Check(NativeMethods.tr_autograd_grad(
                    outs, outputs.Count, ins, inputs.Count, grads, grad_outputs?.Count ?? 0, Int(retain_graph), Int(create_graph),
                    Int(allow_unused), found));
            }

            GC.KeepAlive(outputs);
            GC.KeepAlive(inputs);
            GC.KeepAlive(grad_outputs);
            return [.. results.Select(handle => new Tensor(handle))];
        }

        /// <summary>Adds the gradients of the sum of <paramref name="tensors"/> to the <c>grad</c> of the leaves.</summary>
        public static unsafe void backward(
            IList<Tensor> tensors,
            IList<Tensor>? grad_tensors = null,
            bool? retain_graph = null,
            bool create_graph = false,
            IList<Tensor>? inputs = null)
        {
            fixed (nint* roots = Handles(tensors), grads = Handles(grad_tensors), ins = Handles(inputs))
            {
                NativeMethods.Check(NativeMethods.tr_backward(
                    roots, tensors.Count, grads, grad_tensors?.Count ?? 0, Int(retain_graph ?? create_graph), Int(create_graph), ins,
                    inputs?.Count ?? 0));
            }

            GC.KeepAlive(tensors);
            GC.KeepAlive(grad_tensors);
            GC.KeepAlive(inputs);
        }

        public static void backward(
            Tensor tensor,
            IList<Tensor>? grad_tensors = null,
            bool? retain_graph = null,
            bool create_graph = false,
            IList<Tensor>? inputs = null) => backward([tensor], grad_tensors, retain_graph, create_graph, inputs);

        public static void backward(
            Tensor tensor,
            Tensor grad_tensor,
            bool? retain_graph = null,
            bool create_graph = false,
            IList<Tensor>? inputs = null) => backward([tensor], [grad_tensor], retain_graph, create_graph, inputs);

        private static int Int(bool value) => value ? 1 : 0;

        private static nint[] Handles(IList<Tensor>? tensors) =>
            tensors is null ? [] : [.. tensors.Select(tensor => tensor is null ? 0 : tensor.Handle)];
    }

    public partial class Tensor
    {
        public bool requires_grad
        {
            get => Alive(NativeMethods.Check(NativeMethods.tr_requires_grad(Handle))) != 0;
            set => Alive(NativeMethods.Check(NativeMethods.tr_set_requires_grad(Handle, value ? 1 : 0)));
        }

        public bool is_leaf => Alive(NativeMethods.Check(NativeMethods.tr_is_leaf(Handle))) != 0;

        public Tensor requires_grad_(bool requires_grad = true)
        {
            this.requires_grad = requires_grad;
            return this;
        }

        public Tensor with_requires_grad(bool requires_grad = true) => requires_grad_(requires_grad);

        public void retain_grad() => Alive(NativeMethods.Check(NativeMethods.tr_retain_grad(Handle)));

        /// <summary>The accumulated gradient, a new managed tensor on each read; null when there is none.</summary>
        public unsafe Tensor? grad
        {
            get
            {
                nint result = 0;
                NativeMethods.Check(NativeMethods.tr_grad(Handle, &result));
                GC.KeepAlive(this);
                return result == 0 ? null : new Tensor(result);
            }

            set
            {
                NativeMethods.Check(NativeMethods.tr_set_grad(Handle, value is null ? 0 : value.Handle));
                GC.KeepAlive(this);
                GC.KeepAlive(value);
            }
        }

        public void backward() => autograd.backward([this]);

        public void backward(
            IList<Tensor>? grad_tensors = null,
            bool retain_graph = false,
            bool create_graph = false,
            IList<Tensor>? inputs = null) => autograd.backward([this], grad_tensors, retain_graph, create_graph, inputs);
    }

    private sealed class GradModeScope : IDisposable
    {
        private readonly bool _before = is_grad_enabled();

        internal GradModeScope(bool enabled) => NativeMethods.tr_set_grad_enabled(enabled ? 1 : 0);

        public void Dispose() => NativeMethods.tr_set_grad_enabled(_before ? 1 : 0);
    }

    private sealed class InferenceModeScope(bool mode) : IDisposable
    {
        private nint _guard = NativeMethods.Check(NativeMethods.tr_inference_guard(mode ? 1 : 0));

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _guard, 0) is not 0 and var guard)
                NativeMethods.tr_inference_guard_delete(guard);
        }
    }
}

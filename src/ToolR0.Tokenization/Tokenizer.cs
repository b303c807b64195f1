using System.Text;
using System.Text.RegularExpressions;
using ToolR0.Tokenization.Jinja;

namespace ToolR0.Tokenization;

/// <summary>
/// A byte-level BPE tokenizer read from a Hugging Face folder. It gives the same ids as Hugging Face's own for the families whose files it accepts
/// (Qwen 2 and 3, Llama 3, GPT-2) and refuses the others. No token is ever added that is not in the text. Safe for use by many threads.
/// </summary>
public sealed partial class Tokenizer
{
    private readonly TokenizerFiles _files;
    private readonly BpeModel _model;
    private readonly PreTokenizer _preTokenizer;
    private readonly bool _composesUnicode;
    private readonly AddedTokenMatcher _verbatim;
    private readonly AddedTokenMatcher _normalized;
    private readonly AddedTokenMatcher _verbatimText;
    private readonly AddedTokenMatcher _normalizedText;
    private readonly string?[] _tokens;
    private readonly byte[]?[] _bytes;
    private readonly bool[] _special;
    private readonly TokenizerConfig _config;
    private readonly Dictionary<string, Lazy<ChatTemplate>> _templates;

    private Tokenizer(TokenizerFiles files)
    {
        _files = files;
        var definition = files.Read(TokenizerFiles.Tokenizer, TokenizerDefinition.Read);
        _config = TokenizerConfig.Read(files);
        _templates = _config.ChatTemplates.ToDictionary(
            template => template.Key, template => new Lazy<ChatTemplate>(() => new ChatTemplate(template.Value, _config.SpecialTokens)));
        (_model, _tokens, var fromDefinition, _preTokenizer, _composesUnicode) = definition;
        var all = fromDefinition.ToDictionary(token => token.Id);
        foreach (var token in _config.Added ?? [])
        {
            if (token.Id < _tokens.Length && _tokens[token.Id] is { } other && other != token.Content)
                throw Wrong($"added_tokens_decoder[{token.Id}] is '{token.Content}', but tokenizer.json has '{other}' there");
            if (token.Id >= _tokens.Length)
                Array.Resize(ref _tokens, token.Id + 1);
            _tokens[token.Id] = token.Content;

            // The flags here win, but for special: what was special before stays so.
            all[token.Id] = token with { Special = token.Special || all.TryGetValue(token.Id, out var before) && before.Special };
        }

        // A token that the configuration gives a role is special.
        var roles = _config.SpecialTokens.Values.Concat(_config.AdditionalSpecialTokens).ToHashSet(StringComparer.Ordinal);
        foreach (var token in all.Values.Where(token => roles.Contains(token.Content) && (_config.Added?.Any(own => own.Id == token.Id) ?? true))
            .ToList())
            all[token.Id] = token with { Special = true };
        List<AddedToken> added = [.. all.Values.OrderBy(token => token.Id)];

        _special = new bool[_tokens.Length];
        _bytes = new byte[_tokens.Length][];
        for (var id = 0; id < _tokens.Length; id++)
            _bytes[id] = _tokens[id] is { } token ? ByteAlphabet.Unspell(token) : null;
        foreach (var token in added)
            _special[token.Id] = token.Special;
        _verbatim = new AddedTokenMatcher(added.Where(token => !token.Normalized).Select(token => (token.Content, token)));
        _normalized = new AddedTokenMatcher(added.Where(token => token.Normalized).Select(token => (Normalize(token.Content), token)));
        var text = added.Where(token => !token.Special && token.Content is not ['<', .., '>']).ToList();
        _verbatimText = new AddedTokenMatcher(text.Where(token => !token.Normalized).Select(token => (token.Content, token)));
        _normalizedText = new AddedTokenMatcher(text.Where(token => token.Normalized).Select(token => (Normalize(token.Content), token)));

        var ids = added.ToDictionary(token => token.Content, token => token.Id);
        var stops = _config.StopIds.Where(id => id < _tokens.Length).ToList();
        if (_config.SpecialTokens.TryGetValue("eos_token", out var eos))
            EndOfTurn = ids.TryGetValue(eos, out var id) ? id : IdOf(eos) ?? throw Wrong($"eos_token '{eos}' is not a token of tokenizer.json");
        else
            EndOfTurn = stops.Count > 0 ? stops[0] : throw Wrong("eos_token is missing");
        StopTokens = [.. stops.Prepend(EndOfTurn).Distinct()];
        if (_config.SpecialTokens.TryGetValue("pad_token", out var pad))
            Pad = ids.TryGetValue(pad, out var id) ? id : IdOf(pad) ?? throw Wrong($"pad_token '{pad}' is not a token of tokenizer.json");
        else
            Pad = ids.TryGetValue("<|endoftext|>", out var endOfText) ? endOfText : EndOfTurn;

        InvalidDataException Wrong(string what) => new($"{Path.Combine(files.Folder, TokenizerFiles.Config)}: {what}.");
    }

    /// <summary>One more than the highest id. The model's embedding may have more rows than this.</summary>
    public int VocabularySize => _tokens.Length;

    /// <summary>The id of eos_token, with which an assistant's turn ends.</summary>
    public int EndOfTurn { get; }

    /// <summary><see cref="EndOfTurn"/> and the other ids that generation_config.json or, without it, config.json says end a completion.</summary>
    public IReadOnlyList<int> StopTokens { get; }

    /// <summary>The id that fills up the rows of a batch: pad_token, else <c>&lt;|endoftext|&gt;</c>, else <see cref="EndOfTurn"/>.</summary>
    public int Pad { get; }

    /// <summary>Whether the folder says how a conversation is written.</summary>
    public bool HasChatTemplate => _templates.Count > 0;

    /// <summary>Reads tokenizer.json, tokenizer_config.json and, if there, chat_template.jinja and generation_config.json (else eos_token_id of
    /// config.json).</summary>
    /// <exception cref="InvalidDataException">A file is missing, broken or uses what is not supported; the message names file and key.</exception>
    public static Tokenizer Load(string folder) => new(TokenizerFiles.Read(folder));

    /// <summary>Reads the same files where they are in no folder.</summary>
    /// <param name="place">What errors call the place they come from.</param>
    /// <inheritdoc cref="Load(string)"/>
    public static Tokenizer Load(string place, IReadOnlyDictionary<string, byte[]> files) => new(TokenizerFiles.Of(place, files));

    /// <summary>The ids of <paramref name="text"/>. Special and added tokens that occur in it are recognised.</summary>
    /// <exception cref="InvalidDataException">The pre-tokenizer's expression takes too long on this text.</exception>
    public int[] Encode(string text) => Encode(text, _verbatim, _normalized);

    /// <summary>
    /// The ids of what somebody else wrote. Special tokens that occur in it are text like any other, and so are other added tokens that look like
    /// tags: nothing in it ends a turn or a block.
    /// </summary>
    /// <inheritdoc cref="Encode(string)"/>
    public int[] EncodeText(string text) => Encode(text, _verbatimText, _normalizedText);

    /// <summary>The text of <paramref name="tokens"/>. Bytes that are not UTF-8 become U+FFFD.</summary>
    /// <param name="skipSpecial">Leaves out special tokens, such as the one that ends a turn.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id is negative or not below <see cref="VocabularySize"/>.</exception>
    public string Decode(ReadOnlySpan<int> tokens, bool skipSpecial = true)
    {
        var bytes = new List<byte>(tokens.Length * 4);
        foreach (var id in tokens)
            bytes.AddRange(BytesOf(id, skipSpecial));
        return Encoding.UTF8.GetString(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes));
    }

    /// <summary>A decoder for tokens that arrive one at a time.</summary>
    public DecodeStream DecodeStream(bool skipSpecial = true) => new(this, skipSpecial);

    /// <summary>The text that the token stands for; U+FFFD for bytes that are part of a character, and empty for an id that has no token.</summary>
    public string TokenText(int id) => Encoding.UTF8.GetString(BytesOf(id, skipSpecial: false));

    /// <summary>The ids of a conversation, written as the folder's chat template says. Special tokens that occur in a message count as
    /// such.</summary>
    /// <param name="addGenerationPrompt">Ends with what opens the assistant's turn.</param>
    /// <exception cref="InvalidDataException">The folder has no chat template, it uses what is not supported, or it refuses these
    /// messages.</exception>
    public int[] EncodeChat(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt = true) =>
        Encode(RenderChat(messages, new ChatOptions { AddGenerationPrompt = addGenerationPrompt }));

    /// <summary>
    /// The ids of a prompt: a conversation that the assistant is to go on with. Where its last turn is the assistant's own, that turn is left open:
    /// what stands there is what the assistant has begun to say.
    /// </summary>
    /// <inheritdoc cref="EncodeChat(IReadOnlyList{ChatMessage}, bool)"/>
    public int[] EncodePrompt(IReadOnlyList<(string Role, string Content)> turns)
    {
        var open = turns is [.., ("assistant", _)];
        var prompt = EncodeChat([.. turns.SkipLast(open ? 1 : 0).Select(turn => new ChatMessage(turn.Role, turn.Content))]);
        return open ? [.. prompt, .. Encode(turns[^1].Content)] : prompt;
    }

    /// <summary>The ids of a conversation with tools or other things that the template reads.</summary>
    /// <inheritdoc cref="EncodeChat(IReadOnlyList{ChatMessage}, bool)"/>
    public int[] EncodeChat(IReadOnlyList<ChatMessage> messages, ChatOptions options) => Encode(RenderChat(messages, options));

    /// <summary>The conversation as one text: what <see cref="EncodeChat(IReadOnlyList{ChatMessage}, ChatOptions)"/> encodes.</summary>
    /// <inheritdoc cref="EncodeChat(IReadOnlyList{ChatMessage}, bool)"/>
    public string RenderChat(IReadOnlyList<ChatMessage> messages, ChatOptions? options = null)
    {
        options ??= new ChatOptions();
        var name = options.Tools is not null && _templates.ContainsKey(TokenizerConfig.ToolTemplate) ? TokenizerConfig.ToolTemplate
            : TokenizerConfig.DefaultTemplate;
        var place = _files.PlaceOfTemplate(name);
        if (_templates.Count == 0)
            throw new InvalidDataException($"{place} is missing, so a conversation cannot be written for this model.");
        if (!_templates.TryGetValue(name, out var template))
            throw new InvalidDataException($"{place} has no template named {name}; it has {string.Join(", ", _templates.Keys)}.");
        try
        {
            return template.Value.Render(messages, options);
        }
        catch (JinjaException e)
        {
            throw new InvalidDataException($"{place}: {e.Message}", e);
        }
    }

    /// <summary>Writes the tokenizer's files as they were read, byte for byte.</summary>
    public void CopyTo(string folder) => _files.CopyTo(folder);

    /// <summary>
    /// A completion's text: all but a last token that ends it, without special tokens. A model may have more rows than its tokenizer has entries;
    /// those decode to nothing.
    /// </summary>
    public string TextOfCompletion(int[] tokens)
    {
        var spoken = tokens.Length > 0 && StopTokens.Contains(tokens[^1]) ? tokens[..^1] : tokens;
        return Decode(Array.TrueForAll(spoken, t => t < VocabularySize) ? spoken : [.. spoken.Where(t => t < VocabularySize)]);
    }

    internal ReadOnlySpan<byte> BytesOf(int id, bool skipSpecial)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, _tokens.Length);
        return skipSpecial && _special[id] ? [] : _bytes[id];
    }

    private int[] Encode(string text, AddedTokenMatcher verbatim, AddedTokenMatcher normalized)
    {
        var tokens = new List<int>();
        foreach (var (token, part) in verbatim.Split(text))
        {
            if (token is not null)
                tokens.Add(token.Id);
            else
                EncodeNormalized(Normalize(part), normalized, tokens);
        }
        return [.. tokens];
    }

    private void EncodeNormalized(string text, AddedTokenMatcher normalized, List<int> tokens)
    {
        foreach (var (token, part) in normalized.Split(text))
        {
            if (token is not null)
                tokens.Add(token.Id);
            else
                EncodeWords(part, tokens);
        }
    }

    private void EncodeWords(string text, List<int> tokens)
    {
        try
        {
            foreach (var word in _preTokenizer.Split(text))
                _model.Encode(word.Span, tokens);
        }
        catch (RegexMatchTimeoutException e)
        {
            throw new InvalidDataException(
                $"{Path.Combine(_files.Folder, TokenizerFiles.Tokenizer)}: pre_tokenizer takes too long on this text.", e);
        }
    }

    private int? IdOf(string token) => Array.IndexOf(_tokens, token) is >= 0 and var id ? id : null;

    private string Normalize(string text) => _composesUnicode ? Nfc.Compose(text) : text;
}

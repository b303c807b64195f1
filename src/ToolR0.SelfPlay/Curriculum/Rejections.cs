namespace ToolR0.SelfPlay.Curriculum;

/// <summary>The named reasons for which a candidate is not in the curriculum, in the order in which they are looked for.</summary>
public static class Rejections
{
    public const string VoidSample = "void_sample";
    public const string VoidExecution = "void_execution";
    public const string CjkText = "cjk_text";
    public const string PromptEcho = "prompt_echo";
    public const string MissingTags = "missing_tags";
    public const string PlaceholderQuestion = "placeholder_question";
    public const string NoConversation = "no_conversation";
    public const string ToolsNotJson = "tools_not_json";
    public const string CallsNotJson = "calls_not_json";
    public const string ToolNotObject = "tool_not_object";
    public const string BadToolName = "bad_tool_name";
    public const string DuplicateTool = "duplicate_tool";
    public const string TooFewTools = "too_few_tools";
    public const string ShortDescription = "short_description";
    public const string NoParameters = "no_parameters";
    public const string NonPrimitiveParameter = "non_primitive_parameter";
    public const string NoCalls = "no_calls";
    public const string UnknownTool = "unknown_tool";
    public const string NestedArgument = "nested_argument";
    public const string EmptyArguments = "empty_arguments";
    public const string MissingRequiredArgument = "missing_required_argument";
    public const string TrivialQuestion = "trivial_question";
    public const string NotGrounded = "not_grounded";
    public const string SpecNotObeyed = "spec_not_obeyed";
    public const string DemonstrationCopied = "demonstration_copied";
    public const string RepeatsItself = "repeats_itself";
    public const string ToolsAlike = "tools_alike";
    public const string ToolOften = "tool_often";
    public const string NotRight = "not_right";
    public const string GoldNotExecutable = "gold_not_executable";
    public const string HeldOut = "held_out";
    public const string Duplicate = "duplicate";
    public const string PromptTooLong = Contracts.VoidCauses.PromptTooLong;
    public const string VoidVerification = "void_verification";
    public const string LowAgreement = "low_agreement";
    public const string GoldNotMajority = "gold_not_majority";
    public const string TooEasy = "too_easy";
    public const string VoidJudge = "void_judge";
    public const string OverQuota = "over_quota";
}

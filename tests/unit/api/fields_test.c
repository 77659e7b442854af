/* Fields that no other test of the engine needs: each goes in with a value and is seen to matter, or comes out with the one it must have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api_host.h"

#define BUS(name) "arn:aws:events:us-east-1:" A1 ":event-bus/" name
#define Q(name) "arn:aws:sqs:us-east-1:" A1 ":" name
#define PATTERN "'EventPattern':'{\\'source\\':[\\'a\\']}'"
#define ROLE "'RoleArn':'arn:aws:iam::" A1 ":role/r'"

/* ---- events ------------------------------------------------------------------------------------------------------------------------------ */
static void rules_and_events(void **state) {
    (void)state;
    WALK({A1, "PutRule", "{'Name':'r','ScheduleExpression':'rate(1 day)'," PATTERN "," ROLE "}", OK, NULL},
         {A1, "DescribeRule", "{'Name':'r'}", OK,
          "{'Name':'r','Arn':'arn:aws:events:us-east-1:" A1 ":rule/r'," PATTERN ",'ScheduleExpression':'rate(1 day)','State':'ENABLED'," ROLE ",'EventBusName':'default','CreatedBy':'" A1 "'}"},
         {A1, "ListRules", "{}", OK, "..." ROLE}, {A1, "DeleteRule", "{'Name':'r','Force':true}", OK, "{}"}, {A1, "DescribeRule", "{'Name':'r'}", ERR_NOT_FOUND, NULL},
         {A1, "PutEvents", "{'Entries':[{'Source':'a','DetailType':'t','Detail':'{}','TraceHeader':'Root=1-5759e988-bd862e3fe1be46a994272793'}]}", OK, "...'FailedEntryCount':0"},
         {A1, "ExplainRule", "{'EventPattern':'{\\'detail\\':{\\'a\\':{\\'x\\':[1],\\'y\\':[2]}}}','Event':'{\\'source\\':\\'s\\',\\'detail-type\\':\\'t\\',\\'detail\\':{\\'a\\':[{\\'x\\':1,\\'y\\':9},{\\'x\\':8,\\'y\\':2}]}}'}", OK, "...'Conflict':"});
}

static void buses(void **state) {
    (void)state;
#define KEY "'KmsKeyIdentifier':'arn:aws:kms:us-east-1:" A1 ":key/k'"
#define DLQ "'DeadLetterConfig':{'Arn':'" Q("dlq") "'}"
    WALK({A1, "CreateEventBus", "{'Name':'b'}", OK, NULL}, {A1, "UpdateEventBus", "{'Name':'b'," KEY "," DLQ "}", OK, "{'Arn':'" BUS("b") "','Name':'b'," KEY "," DLQ "}"},
         {A1, "CreateEventBus", "{'Name':'c'}", OK, NULL}, {A1, "ListEventBuses", "{'Limit':2}", OK, NULL});
    ANSWERED("EventBuses.1.Name", "c");
    next_page(A1, "ListEventBuses", "{'Limit':2}", "NextToken", "NextToken");
    ANSWERED("EventBuses.0.Name", "default");
    assert_null(answered("NextToken").p);
    WALK({A1, "PutPermission", "{'Action':'events:PutEvents','Principal':'*','StatementId':'org','Condition':{'Type':'StringEquals','Key':'aws:PrincipalOrgID','Value':'o-1'}}", OK, NULL},
         {A1, "DescribeEventBus", "{}", OK, "...\\\"Condition\\\":{\\\"StringEquals\\\":{\\\"aws:PrincipalOrgID\\\":\\\"o-1\\\"}}"},
         {A1, "PutPermission", "{'Action':'events:PutEvents','Principal':'" A2 "','StatementId':'x','Condition':{'Type':'StringEquals','Key':'aws:PrincipalOrgID','Value':'o-1'}}", ERR_VALIDATION, NULL},
         {A1, "RemovePermission", "{'RemoveAllPermissions':true}", OK, "{}"}, {A1, "DescribeEventBus", "{}", OK, NULL});
    assert_null(answered("Policy").p);
}

static void targets(void **state) {
    (void)state;
#define WHOLE                                                                                                                                             \
    "{'Id':'a','Arn':'" Q("q.fifo") "'," ROLE ",'Input':'{\\'n\\':1}','RunCommandParameters':{'RunCommandTargets':[{'Key':'k','Values':['v']}]},"      \
    "'EcsParameters':{'TaskDefinitionArn':'t'},'BatchParameters':{'JobName':'j'},"                                                                       \
    "'RedshiftDataParameters':{'Database':'d'},'SageMakerPipelineParameters':{'PipelineParameterList':[]},'AppSyncParameters':{'GraphQLOperation':'g'},"   \
    "'KinesisParameters':{'PartitionKeyPath':'$.id'},'SqsParameters':{'MessageGroupId':'g'},'HttpParameters':{'PathParameterValues':['p'],"              \
    "'HeaderParameters':{'H':'h'},'QueryStringParameters':{'q':'v'}},'DeadLetterConfig':{'Arn':'" Q("dlq") "'},"                                        \
    "'RetryPolicy':{'MaximumRetryAttempts':3,'MaximumEventAgeInSeconds':60}}"
    static const char *const members[] = {"Input", "RunCommandParameters.RunCommandTargets.0.Key", "EcsParameters.TaskDefinitionArn", "BatchParameters.JobName", "RedshiftDataParameters.Database",
                                          "SageMakerPipelineParameters.PipelineParameterList", "AppSyncParameters.GraphQLOperation", "KinesisParameters.PartitionKeyPath", "SqsParameters.MessageGroupId",
                                          "HttpParameters.PathParameterValues.0", "HttpParameters.HeaderParameters.H", "HttpParameters.QueryStringParameters.q", "DeadLetterConfig.Arn",
                                          "RetryPolicy.MaximumEventAgeInSeconds", "RoleArn"};
    static const char *const values[] = {"{\"n\":1}", "k", "t", "j", "d", "[]", "g", "$.id", "g", "p", "h", "v", Q("dlq"), "60", "arn:aws:iam::" A1 ":role/r"};
    WALK({A1, "PutRule", "{'Name':'r'," PATTERN "}", OK, NULL}, {A1, "PutRule", "{'Name':'s'," PATTERN "}", OK, NULL},
         {A1, "PutTargets", "{'Rule':'r','Targets':[" WHOLE ",{'Id':'b','Arn':'" Q("q") "'}]}", OK, "{'FailedEntryCount':0,'FailedEntries':[]}"},
         {A1, "PutTargets", "{'Rule':'s','Targets':[{'Id':'1','Arn':'" Q("q") "'}]}", OK, NULL}, {A1, "ListTargetsByRule", "{'Rule':'r','Limit':1}", OK, NULL});
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "Targets.0.%s", members[i]);
        ANSWERED(path, values[i]);
    }
    next_page(A1, "ListTargetsByRule", "{'Rule':'r','Limit':1}", "NextToken", "NextToken");
    ANSWERED("Targets.0.Id", "b");
    assert_null(answered("NextToken").p);
    WALK({A1, "ListRuleNamesByTarget", "{'TargetArn':'" Q("q") "','Limit':1}", OK, NULL});
    ANSWERED("RuleNames.0", "r");
    next_page(A1, "ListRuleNamesByTarget", "{'TargetArn':'" Q("q") "','Limit':1}", "NextToken", "NextToken");
    ANSWERED("RuleNames.0", "s");
    WALK({A1, "RemoveTargets", "{'Rule':'r','Ids':['a','b'],'Force':true}", OK, "{'FailedEntryCount':0,'FailedEntries':[]}"}, {A1, "ListTargetsByRule", "{'Rule':'r'}", OK, "{'Targets':[]}"});
}

/* Everything that is wrong with a request is told at once, by the members' paths: in lists of structures, in maps, in lists of words. */
static void violations_are_told_together(void **state) {
    (void)state;
#define MUST "' failed to satisfy constraint: Member must "
    WALK({A1, "PutTargets",
          "{'Rule':'r','Targets':[{'Id':'1','Arn':'" Q("q") "'},{'Id':'a b','Arn':'" Q("q") "','InputTransformer':{'InputPathsMap':{'k!':'$.a'}},"
          "'RetryPolicy':{'MaximumRetryAttempts':186,'MaximumEventAgeInSeconds':59}}]}",
          ERR_VALIDATION,
          "5 validation errors detected: Value 'a b' at 'targets.2.member.id" MUST "satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+; "
          "Value '{k!=$.a}' at 'targets.2.member.inputTransformer.inputPathsMap' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less "
          "than or equal to 256, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [A-Za-z0-9\\_\\-]+]; "
          "Value null at 'targets.2.member.inputTransformer.inputTemplate" MUST "not be null; "
          "Value '186' at 'targets.2.member.retryPolicy.maximumRetryAttempts" MUST "have value less than or equal to 185; "
          "Value '59' at 'targets.2.member.retryPolicy.maximumEventAgeInSeconds" MUST "have value greater than or equal to 60"},
         {A1, "RemoveTargets", "{'Ids':['ok','not ok']}", ERR_VALIDATION,
          "2 validation errors detected: Value null at 'rule" MUST "not be null; Value '[ok, not ok]' at 'ids" MUST
          "satisfy constraint: [Member must have length less than or equal to 64, Member must have length greater than or equal to 1, "
          "Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+]"},
         {A1, "PutEvents", "{'Entries':[{'Source':'s','TraceHeader':''}]}", ERR_VALIDATION, "...Value '' at 'entries.1.member.traceHeader" MUST "have length greater than or equal to 1"},
         {A1, "PutRule", "{'Name':'','State':'ON','Tags':[{'Key':'k'}]}", ERR_VALIDATION,
          "4 validation errors detected: Value '' at 'name" MUST "satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+; Value '' at 'name" MUST
          "have length greater than or equal to 1; Value 'ON' at 'state" MUST "satisfy enum value set: [ENABLED, DISABLED, ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS]; "
          "Value null at 'tags.1.member.value" MUST "not be null"});
}

/* ---- connections and API destinations ------------------------------------------------------------------------------------------------------- */
#define CONNECTIVITY "{'ResourceParameters':{'ResourceConfigurationArn':'arn:aws:vpc-lattice:us-east-1:" A1 ":resourceconfiguration/rcfg-1'}}"
static void connections(void **state) {
    (void)state;
    WALK({A1, "CreateConnection",
          "{'Name':'a','Description':'d'," KEY ",'InvocationConnectivityParameters':" CONNECTIVITY ",'AuthorizationType':'BASIC','AuthParameters':{'BasicAuthParameters':{'Username':'u',"
          "'Password':'p'},'ConnectivityParameters':" CONNECTIVITY ",'InvocationHttpParameters':{'QueryStringParameters':[{'Key':'q','Value':'open','IsValueSecret':false},"
          "{'Key':'r','Value':'hidden-1','IsValueSecret':true}],'BodyParameters':[{'Key':'b','Value':'hidden-2','IsValueSecret':true}]}}}", OK, NULL},
         {A1, "DescribeConnection", "{'Name':'a'}", OK, "..." KEY});
    ANSWERED("Description", "d");
    assert_true(answered("InvocationConnectivityParameters.ResourceParameters.ResourceConfigurationArn").n > 0);
    assert_true(answered("AuthParameters.ConnectivityParameters.ResourceParameters.ResourceConfigurationArn").n > 0);
    ANSWERED("AuthParameters.InvocationHttpParameters.QueryStringParameters.0.Value", "open");
    ANSWERED("AuthParameters.InvocationHttpParameters.QueryStringParameters.1.IsValueSecret", "true");
    ANSWERED("AuthParameters.InvocationHttpParameters.BodyParameters.0.IsValueSecret", "true");
    assert_null(strstr(said, "hidden"));
    WALK({A1, "UpdateConnection",
          "{'Name':'a','Description':'e','KmsKeyIdentifier':'k2','InvocationConnectivityParameters':" CONNECTIVITY ",'AuthorizationType':'OAUTH_CLIENT_CREDENTIALS','AuthParameters':{"
          "'OAuthParameters':{'ClientParameters':{'ClientID':'id','ClientSecret':'hidden-3'},'AuthorizationEndpoint':'https://tokens.invalid/','HttpMethod':'POST',"
          "'OAuthHttpParameters':{'HeaderParameters':[{'Key':'H','Value':'h'}]}},'ConnectivityParameters':" CONNECTIVITY "}}", OK, NULL},
         {A1, "DescribeConnection", "{'Name':'a'}", OK, "...'ClientID':'id'"});
    ANSWERED("KmsKeyIdentifier", "k2");
    ANSWERED("AuthParameters.OAuthParameters.AuthorizationEndpoint", "https://tokens.invalid/");
    ANSWERED("AuthParameters.OAuthParameters.HttpMethod", "POST");
    ANSWERED("AuthParameters.OAuthParameters.OAuthHttpParameters.HeaderParameters.0.Value", "h");
    assert_null(strstr(said, "hidden"));
}

#define API_KEY_ "'AuthorizationType':'API_KEY','AuthParameters':{'ApiKeyAuthParameters':{'ApiKeyName':'k','ApiKeyValue':'v'}}"
static void pages_of_connections_and_destinations(void **state) {
    (void)state;
    WALK({A1, "CreateConnection", "{'Name':'pa'," API_KEY_ "}", OK, NULL}, {A1, "CreateConnection", "{'Name':'pb'," API_KEY_ "}", OK, NULL}, {A1, "CreateConnection", "{'Name':'q'," API_KEY_ "}", OK, NULL},
         {A1, "ListConnections", "{'NamePrefix':'p','ConnectionState':'AUTHORIZED','Limit':1}", OK, NULL});
    ANSWERED("Connections.0.Name", "pa");
    char connection[256], request[1024];
    str_copyz(connection, sizeof connection, answered("Connections.0.ConnectionArn"));
    next_page(A1, "ListConnections", "{'NamePrefix':'p','ConnectionState':'AUTHORIZED','Limit':1}", "NextToken", "NextToken");
    ANSWERED("Connections.0.Name", "pb");
    assert_null(answered("NextToken").p);
    WALK({A1, "ListConnections", "{'ConnectionState':'DEAUTHORIZED'}", OK, "{'Connections':[]}"}, {A1, "ListConnections", "{'NextToken':'x'}", ERR_VALIDATION, "Parameter NextToken is not valid."});
    static const char *const names[] = {"da", "db", "e"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(request, sizeof request, "{'Name':'%s','Description':'of %s','ConnectionArn':'%s','InvocationEndpoint':'https://example.com/','HttpMethod':'POST'}", names[i], names[i], connection);
        WALK({A1, "CreateApiDestination", request, OK, NULL});
    }
    snprintf(request, sizeof request, "{'NamePrefix':'d','ConnectionArn':'%s','Limit':1}", connection);
    WALK({A1, "DescribeApiDestination", "{'Name':'db'}", OK, "...'Description':'of db'"}, {A1, "ListApiDestinations", request, OK, NULL});
    ANSWERED("ApiDestinations.0.Name", "da");
    next_page(A1, "ListApiDestinations", request, "NextToken", "NextToken");
    ANSWERED("ApiDestinations.0.Name", "db");
    assert_null(answered("NextToken").p);
}

/* ---- kinesis ------------------------------------------------------------------------------------------------------------------------------- */
#define STREAM "'StreamARN':'arn:aws:kinesis:us-east-1:" A1 ":stream/s'"
static void streams_by_arn(void **state) {
    (void)state;
    WALK({A1, "kinesis.CreateStream", "{'StreamName':'s','ShardCount':3}", OK, NULL}, {A1, "kinesis.UpdateStream", "{" STREAM ",'RetentionPeriodHours':48,'ShardCount':3}", OK, NULL},
         {A1, "kinesis.DescribeStream", "{" STREAM ",'Limit':1,'ExclusiveStartShardId':'shardId-000000000000'}", OK, NULL});
    ANSWERED("StreamDescription.Shards.0.ShardId", "shardId-000000000001");
    ANSWERED("StreamDescription.HasMoreShards", "true");
    ANSWERED("StreamDescription.RetentionPeriodHours", "48");
    WALK({A1, "kinesis.DescribeStreamSummary", "{" STREAM "}", OK, NULL});
    ANSWERED("StreamDescriptionSummary.OpenShardCount", "3");
    WALK({A1, "kinesis.ListShards", "{" STREAM ",'MaxResults':2}", OK, NULL});
    next_page(A1, "kinesis.ListShards", "{" STREAM "}", "NextToken", "NextToken");
    ANSWERED("Shards.0.ShardId", "shardId-000000000002");
    assert_null(answered("Shards.1").p);
    WALK({A1, "kinesis.PutRecord", "{" STREAM ",'Data':'YQ==','PartitionKey':'k','ExplicitHashKey':'0'}", OK, "{'ShardId':'shardId-000000000000','SequenceNumber':'1'}"},
         {A1, "kinesis.PutRecords", "{" STREAM ",'Records':[{'Data':'Yg==','PartitionKey':'k','ExplicitHashKey':'0'},{'Data':'Yw==','PartitionKey':'k','ExplicitHashKey':'0'}]}", OK, NULL});
    ANSWERED("Records.1.ShardId", "shardId-000000000000");
    static const struct { const char *type, *data; } iterators[] = {{"'AFTER_SEQUENCE_NUMBER','StartingSequenceNumber':'1'", "Yg=="}, {"'AT_TIMESTAMP','Timestamp':0", "YQ=="}};
    for (size_t i = 0; i < 2; i++) {
        char request[1024];
        snprintf(request, sizeof request, "{" STREAM ",'ShardId':'shardId-000000000000','ShardIteratorType':%s}", iterators[i].type);
        WALK({A1, "kinesis.GetShardIterator", request, OK, NULL});
        snprintf(request, sizeof request, "{'ShardIterator':'%.*s','Limit':1}", STR_ARG(answered("ShardIterator")));
        WALK({A1, "kinesis.GetRecords", request, OK, NULL});
        ANSWERED("Records.0.Data", iterators[i].data);
        assert_null(answered("Records.1").p);
    }
    WALK({A1, "kinesis.IncreaseStreamRetentionPeriod", "{" STREAM ",'RetentionPeriodHours':72}", OK, "{}"}, {A1, "kinesis.CreateStream", "{'StreamName':'t'}", OK, NULL},
         {A1, "kinesis.CreateStream", "{'StreamName':'u'}", OK, NULL}, {A1, "kinesis.ListStreams", "{'ExclusiveStartStreamName':'s','Limit':1}", OK, NULL});
    ANSWERED("StreamNames.0", "t");
    next_page(A1, "kinesis.ListStreams", "{'Limit':1}", "NextToken", "NextToken");
    ANSWERED("StreamNames.0", "u");
    WALK({A1, "kinesis.DeleteStream", "{" STREAM "}", OK, "{}"}, {A1, "kinesis.ListStreams", "{}", OK, "{'StreamNames':['t','u'],'HasMoreStreams':false}"});
}

/* ---- sqs ----------------------------------------------------------------------------------------------------------------------------------- */
#define ATTRIBUTES "'MessageAttributes':{'s':{'DataType':'String','StringValue':'v'},'b':{'DataType':'Binary','BinaryValue':'AAEC'}}"
static void queues_and_messages(void **state) {
    (void)state;
    WALK({A1, "sqs.CreateQueue", "{'QueueName':'q'}", OK, NULL}, {A1, "sqs.GetQueueUrl", "{'QueueName':'q','QueueOwnerAWSAccountId':'" A1 "'}", OK, "...q'}"},
         {A1, "sqs.SendMessage", "{'QueueUrl':'q','MessageBody':'hidden','DelaySeconds':900}", OK, NULL},
         {A1, "sqs.SendMessage", "{'QueueUrl':'q','MessageBody':'m'," ATTRIBUTES "}", OK, "...'MD5OfMessageAttributes':"},
         {A1, "sqs.ReceiveMessage", "{'QueueUrl':'q','AttributeNames':['ApproximateReceiveCount'],'MessageAttributeNames':['All'],"
          "'MaxNumberOfMessages':10,'VisibilityTimeout':0,'ReceiveRequestAttemptId':'a'}", OK, NULL});
    ANSWERED("Messages.0.Body", "m");
    assert_null(answered("Messages.1").p);
    ANSWERED("Messages.0.Attributes.ApproximateReceiveCount", "1");
    ANSWERED("Messages.0.MessageAttributes.b.BinaryValue", "AAEC");
    WALK({A1, "sqs.ReceiveMessage", "{'QueueUrl':'q','MessageSystemAttributeNames':['SentTimestamp']}", OK, NULL});
    assert_true(answered("Messages.0.Attributes.SentTimestamp").n > 10);
    WALK({A1, "sqs.DeleteMessageBatch", "{'QueueUrl':'q','Entries':[{'Id':'x','ReceiptHandle':'nonsense'}]}", OK, NULL});
    ANSWERED("Failed.0.Id", "x");
    ANSWERED("Failed.0.Code", "ReceiptHandleIsInvalid");
    ANSWERED("Failed.0.Message", "The input receipt handle is invalid.");
    ANSWERED("Failed.0.SenderFault", "true");
    WALK({A1, "sqs.SendMessageBatch", "{'QueueUrl':'q','Entries':[{'Id':'1','MessageBody':'d','DelaySeconds':1," ATTRIBUTES "}]}", OK, "...'MD5OfMessageAttributes':"},
         {A1, "sqs.CreateQueue", "{'QueueName':'q.fifo','Attributes':{'FifoQueue':'true'}}", OK, NULL},
         {A1, "sqs.SendMessage", "{'QueueUrl':'q.fifo','MessageBody':'1','MessageGroupId':'g','MessageDeduplicationId':'d1'}", OK, "...'SequenceNumber':"},
         {A1, "sqs.SendMessageBatch", "{'QueueUrl':'q.fifo','Entries':[{'Id':'ok','MessageBody':'2','MessageGroupId':'g','MessageDeduplicationId':'d2'},{'Id':'no','MessageBody':'3'}]}", OK, NULL});
    assert_true(answered("Successful.0.SequenceNumber").n > 0);
    ANSWERED("Failed.0.Id", "no");
}

static void pages_of_queues(void **state) {
    (void)state;
#define REDRIVE "'Attributes':{'RedrivePolicy':'{\\'deadLetterTargetArn\\':\\'" Q("dead") "\\',\\'maxReceiveCount\\':3}'}"
    WALK({A1, "sqs.CreateQueue", "{'QueueName':'dead'}", OK, NULL}, {A1, "sqs.CreateQueue", "{'QueueName':'pa'," REDRIVE "}", OK, NULL}, {A1, "sqs.CreateQueue", "{'QueueName':'pb'," REDRIVE "}", OK, NULL},
         {A1, "sqs.ListQueues", "{'QueueNamePrefix':'p','MaxResults':1}", OK, NULL});
    assert_true(str_ends(answered("QueueUrls.0"), STR("/pa")));
    next_page(A1, "sqs.ListQueues", "{'QueueNamePrefix':'p','MaxResults':1}", "NextToken", "NextToken");
    assert_true(str_ends(answered("QueueUrls.0"), STR("/pb")));
    assert_null(answered("NextToken").p);
    WALK({A1, "sqs.ListDeadLetterSourceQueues", "{'QueueUrl':'dead','MaxResults':1}", OK, NULL});
    next_page(A1, "sqs.ListDeadLetterSourceQueues", "{'QueueUrl':'dead','MaxResults':1}", "NextToken", "NextToken");
    assert_true(str_ends(answered("queueUrls.0"), STR("/pb")));
}

/* ---- sns ----------------------------------------------------------------------------------------------------------------------------------- */
#define TOPIC(name) "arn:aws:sns:us-east-1:" A1 ":" name
static void topics(void **state) {
    (void)state;
    WALK({A1, "sns.CreateTopic", "{'Name':'t','Attributes':{'DisplayName':'shown'}}", OK, NULL}, {A1, "sns.GetTopicAttributes", "{'TopicArn':'" TOPIC("t") "'}", OK, "...'DisplayName':'shown'"},
         {A1, "sqs.CreateQueue", "{'QueueName':'q'}", OK, NULL},
         {A1, "sns.Subscribe", "{'TopicArn':'" TOPIC("t") "','Protocol':'sqs','Endpoint':'" Q("q") "','ReturnSubscriptionArn':true}", OK, "...'SubscriptionArn':'" TOPIC("t") ":"},
         {A1, "sns.Publish", "{'TargetArn':'" TOPIC("t") "','Message':'m','Subject':'about','MessageStructure':''," ATTRIBUTES "}", OK, "...'MessageId':"},
         {A1, "sqs.ReceiveMessage", "{'QueueUrl':'q'}", OK, NULL});
    struct node *body;
    assert_int_equal(doc_parse(&host.arena, answered("Messages.0.Body"), &body, NULL), ERR_OK);
    assert_true(str_eqz(doc_get(body, STR("Subject"))->text, "about"));
    assert_true(str_eqz(doc_get(doc_get(doc_get(body, STR("MessageAttributes")), STR("b")), STR("Value"))->text, "AAEC"));
    WALK({A1, "sns.Publish", "{'TopicArn':'" TOPIC("t") "','Message':'m','MessageStructure':'json'}", ERR_INVALID_PARAMETER, "Invalid parameter: MessageStructure is not supported"},
         {A1, "sns.CreateTopic", "{'Name':'t.fifo','Attributes':{'FifoTopic':'true'}}", OK, NULL}, {A1, "sqs.CreateQueue", "{'QueueName':'q.fifo','Attributes':{'FifoQueue':'true'}}", OK, NULL},
         {A1, "sns.Subscribe", "{'TopicArn':'" TOPIC("t.fifo") "','Protocol':'sqs','Endpoint':'" Q("q.fifo") "'}", OK, NULL},
         {A1, "sns.Publish", "{'TopicArn':'" TOPIC("t.fifo") "','Message':'m','MessageGroupId':'g','MessageDeduplicationId':'d'}", OK, NULL},
         {A1, "sns.Publish", "{'TopicArn':'" TOPIC("t.fifo") "','Message':'m','MessageGroupId':'g','MessageDeduplicationId':'d'}", OK, NULL}, /* one message */
         {A1, "sqs.ReceiveMessage", "{'QueueUrl':'q.fifo','MaxNumberOfMessages':10,'AttributeNames':['All']}", OK, NULL});
    ANSWERED("Messages.0.Attributes.MessageGroupId", "g");
    assert_null(answered("Messages.1").p);
}

static void pages_of_topics(void **state) {
    (void)state;
    enum { MANY = 103 }; /* a page is 100 */
    char request[512];
    for (int i = 0; i < MANY; i++) {
        snprintf(request, sizeof request, "{'Name':'t%03d'}", i);
        WALK({A1, "sns.CreateTopic", request, OK, NULL});
        snprintf(request, sizeof request, "{'TopicArn':'" TOPIC("t000") "','Protocol':'email','Endpoint':'a%d@example.com'}", i);
        WALK({A1, "sns.Subscribe", request, OK, NULL});
    }
    WALK({A1, "sns.ListTopics", "{}", OK, NULL});
    next_page(A1, "sns.ListTopics", "{}", "NextToken", "NextToken");
    ANSWERED("Topics.0.TopicArn", TOPIC("t100"));
    assert_null(answered("Topics.3").p);
    WALK({A1, "sns.ListSubscriptionsByTopic", "{'TopicArn':'" TOPIC("t000") "'}", OK, NULL});
    next_page(A1, "sns.ListSubscriptionsByTopic", "{'TopicArn':'" TOPIC("t000") "'}", "NextToken", "NextToken");
    assert_non_null(answered("Subscriptions.2").p);
    assert_null(answered("Subscriptions.3").p);
    WALK({A1, "sns.ListSubscriptions", "{}", OK, NULL});
    next_page(A1, "sns.ListSubscriptions", "{}", "NextToken", "NextToken");
    assert_non_null(answered("Subscriptions.2").p);
    assert_null(answered("Subscriptions.3").p);
    WALK({A1, "sns.ListTopics", "{'NextToken':'x'}", ERR_INVALID_PARAMETER, "Invalid parameter: NextToken"});
}

/* ---- archives and replays -------------------------------------------------------------------------------------------------------------------- */
static bool has_failed(const char *replay) {
    char request[128];
    snprintf(request, sizeof request, "{\"ReplayName\":\"%s\"}", replay);
    return !ask(A1, "DescribeReplay", request) && str_eqz(answered("State"), "FAILED");
}

static void replays_that_fail(void **state) {
    (void)state;
#define RANGE "'EventSourceArn':'arn:aws:events:us-east-1:" A1 ":archive/a','EventStartTime':0,'EventEndTime':32503680000,'Destination':{'Arn':'" BUS("default") "'}"
    WALK({A1, "sqs.CreateQueue", "{'QueueName':'q'}", OK, NULL}, {A1, "PutRule", "{'Name':'r'," PATTERN "}", OK, NULL},
         {A1, "PutTargets", "{'Rule':'r','Targets':[{'Id':'1','Arn':'" Q("q") "'}]}", OK, NULL}, {A1, "CreateArchive", "{'ArchiveName':'a','EventSourceArn':'" BUS("default") "'}", OK, NULL},
         {A1, "PutEvents", "{'Entries':[{'Source':'a','DetailType':'t','Detail':'{}'}]}", OK, "...'FailedEntryCount':0"});
    host.settings.fan_out = 0; /* the event that was taken before is now too much for a page */
    WALK({A1, "StartReplay", "{'ReplayName':'one','Description':'again'," RANGE "}", OK, NULL}, {A1, "StartReplay", "{'ReplayName':'two'," RANGE "}", OK, NULL});
    UNTIL(has_failed("one") && has_failed("two"));
    WALK({A1, "DescribeReplay", "{'ReplayName':'one'}", OK, "...'StateReason':'The event archived as number 1 cannot be routed: The events cause more than 0 deliveries"});
    ANSWERED("Description", "again");
    WALK({A1, "ListReplays", "{'Limit':1}", OK, "...'StateReason':"});
    ANSWERED("Replays.0.ReplayName", "one");
    next_page(A1, "ListReplays", "{'Limit':1}", "NextToken", "NextToken");
    ANSWERED("Replays.0.ReplayName", "two");
}

/* ---- lambda, logs, bus ------------------------------------------------------------------------------------------------------------------------- */
static void functions(void **state) {
    (void)state;
    WALK({OPERATOR, "lambda.CreateFunction",
          "{'FunctionName':'f','Command':['/bin/cat'],'Mode':'process','Concurrency':2,'MemorySize':512,'CpuSeconds':5,'Environment':{'Variables':{'AA':'1'}},'WorkingDirectory':'/','Description':'d'}", OK, NULL});
    static const char *const members[] = {"Mode", "Concurrency", "MemorySize", "CpuSeconds", "Environment.Variables.AA", "WorkingDirectory", "Description"};
    static const char *const made[] = {"process", "2", "512", "5", "1", "/", "d"}, *const changed[] = {"worker", "3", "256", "6", "2", "/tmp", "e"};
    for (size_t i = 0; i < 7; i++) ANSWERED(members[i], made[i]);
    WALK({OPERATOR, "lambda.CreateFunction", "{'FunctionName':'g','Command':['/bin/false']}", OK, NULL}, {A1, "lambda.Invoke", "{'FunctionName':'g','InvocationType':'RequestResponse'}", OK, NULL});
    ANSWERED("FunctionError", "Unhandled");
    WALK({A1, "lambda.Invoke", "{'FunctionName':'f','InvocationType':'DryRun'}", OK, "{'StatusCode':204}"},
         {OPERATOR, "lambda.UpdateFunctionConfiguration",
          "{'FunctionName':'f','Mode':'worker','Concurrency':3,'MemorySize':256,'CpuSeconds':6,'Environment':{'Variables':{'AA':'2'}},'WorkingDirectory':'/tmp','Description':'e'}", OK, NULL});
    for (size_t i = 0; i < 7; i++) ANSWERED(members[i], changed[i]);
    WALK({A1, "lambda.ListFunctions", "{'MaxItems':1}", OK, NULL});
    ANSWERED("Functions.0.FunctionName", "f");
    next_page(A1, "lambda.ListFunctions", "{'MaxItems':1}", "NextMarker", "Marker");
    ANSWERED("Functions.0.FunctionName", "g");
}

static void log_groups(void **state) {
    (void)state;
    WALK({A1, "logs.CreateLogGroup", "{'logGroupName':'app-a','File':'a.jsonl','MaxBytes':4096,'Keep':3}", OK, NULL}, {A1, "logs.CreateLogGroup", "{'logGroupName':'app-b'}", OK, NULL},
         {A1, "logs.CreateLogGroup", "{'logGroupName':'other'}", OK, NULL}, {A1, "logs.UpdateLogGroup", "{'logGroupName':'app-a','File':'b.jsonl','MaxBytes':8192}", OK, NULL},
         {A1, "logs.DescribeLogGroups", "{'logGroupNamePrefix':'app','limit':1}", OK, NULL});
    ANSWERED("logGroups.0.File", "b.jsonl");
    ANSWERED("logGroups.0.MaxBytes", "8192");
    ANSWERED("logGroups.0.Keep", "3");
    next_page(A1, "logs.DescribeLogGroups", "{'logGroupNamePrefix':'app','limit':1}", "nextToken", "nextToken");
    ANSWERED("logGroups.0.logGroupName", "app-b");
    assert_null(answered("nextToken").p);
}

static void keys(void **state) {
    (void)state;
#define DENY_ALL "{\\'Version\\':\\'2012-10-17\\',\\'Statement\\':[{\\'Effect\\':\\'Deny\\',\\'Action\\':\\'*\\',\\'Resource\\':\\'*\\'}]}"
    char id[64], request[512];
    str_copyz(id, sizeof id, callers[1]->key_id);
    WALK({OPERATOR, "bus.CreateAccessKey", "{'AccountId':'" A3 "','AccessKeyId':'AKIASPARE','Description':'spare'}", OK, "...'Description':'spare'"}, {OPERATOR, "bus.ListAccessKeys", "{'AccountId':'" A2 "'}", OK, NULL});
    ANSWERED("AccessKeys.0.AccessKeyId", id);
    assert_null(answered("AccessKeys.1").p);
    snprintf(request, sizeof request, "{'AccessKeyId':'%s','Policy':'" DENY_ALL "'}", id);
    WALK({A2, "ListRules", "{}", OK, NULL}, {OPERATOR, "bus.PutAccessKeyPolicy", request, OK, "{}"});
    caller_release(callers[1]);
    callers[1] = world_caller(world(), str_from(id)); /* as the next request finds it */
    WALK({A2, "ListRules", "{}", ERR_ACCESS_DENIED, NULL});
}

#define T(name) cmocka_unit_test_setup_teardown(name, api_setup, api_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(rules_and_events), T(buses), T(targets), T(replays_that_fail), T(violations_are_told_together), T(connections), T(pages_of_connections_and_destinations), T(streams_by_arn), T(queues_and_messages), T(pages_of_queues), T(topics), T(pages_of_topics), T(functions), T(log_groups), T(keys),
    };
    return cmocka_run_group_tests_name("api/fields", tests, NULL, NULL);
}

//! Nodes of PostgreSQL's trees: the one way from a node to the fields of its type, by the tag that the node bears.
//!
//! Fields are read as a copy. No reference into a tree lives longer than the read, so a tree may be changed between two of them.

use pgrx::{PgList, pg_sys};
use std::ffi::{CStr, c_char};
use std::marker::PhantomData;
use std::ops::Deref;

/// A view of a node of a whole tree, which lives as long as the view's type says.
pub(in crate::pgx) trait TreeNode: Copy {
    /// A view of a node; `None` for NULL.
    ///
    /// # Safety
    /// The pointer is NULL or a node of a tree that PostgreSQL made, as whole as it was made, and lives for as long as the
    /// view's type says.
    unsafe fn from_pointer(node: *mut pg_sys::Node) -> Option<Self>;

    /// The node, never NULL.
    fn as_pointer(self) -> *mut pg_sys::Node;

    /// What it says that it is.
    fn tag(self) -> pg_sys::NodeTag {
        // SAFETY: every node begins with its tag.
        unsafe { (*self.as_pointer()).type_ }
    }

    /// The same node, known to be of a type; `None` if it is of another.
    fn typed<T: NodeType>(self) -> Option<Typed<Self, T>> {
        (self.tag() == T::TAG).then_some(Typed { node: self, known: PhantomData })
    }

    /// Its fields, if it is of that type.
    fn downcast<T: NodeType>(self) -> Option<Fields<Self, T>> {
        self.typed().map(Typed::read)
    }

    /// The members of a list of nodes without the NULLs in it; of any other node none.
    fn elements(self) -> Vec<Self> {
        match self.tag() {
            // SAFETY: the tag says so; the members are nodes of the same tree.
            pg_sys::NodeTag::T_List => unsafe { nodes(self.as_pointer().cast()) },
            _ => Vec::new(),
        }
    }
}

/// A type of nodes.
///
/// # Safety
/// Every node with the tag is one of this type.
pub(in crate::pgx) unsafe trait NodeType: Copy {
    /// The tag that its nodes bear.
    const TAG: pg_sys::NodeTag;
}

/// A node whose tag was looked at.
pub(in crate::pgx) struct Typed<N, T> {
    node: N,
    known: PhantomData<T>,
}

impl<N: Copy, T> Clone for Typed<N, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N: Copy, T> Copy for Typed<N, T> {}

impl<N: TreeNode, T: NodeType> Typed<N, T> {
    /// Its fields as they are now.
    pub(in crate::pgx) fn read(self) -> Fields<N, T> {
        // SAFETY: the tag was looked at, and no node changes its type.
        Fields { fields: unsafe { self.as_pointer().read() }, tree: PhantomData }
    }

    /// The node.
    pub(in crate::pgx) fn node(self) -> N {
        self.node
    }

    /// The node as what it is.
    pub(in crate::pgx) fn as_pointer(self) -> *mut T {
        self.node.as_pointer().cast()
    }
}

/// The fields of a node, with what they point at as views of the same tree.
pub(in crate::pgx) struct Fields<N, T> {
    fields: T,
    tree: PhantomData<N>,
}

impl<N, T> Fields<N, T> {
    /// The fields of a node that bears another tag than its type's own.
    ///
    /// # Safety
    /// The node is one of this type all the same.
    pub(in crate::pgx) unsafe fn of(node: N) -> Self
    where
        N: TreeNode,
        T: NodeType,
    {
        // SAFETY: the caller's promise.
        Fields { fields: unsafe { node.as_pointer().cast::<T>().read() }, tree: PhantomData }
    }
}

impl<N, T> Deref for Fields<N, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.fields
    }
}

/// The members of a list, without the NULLs in it.
///
/// # Safety
/// NIL or a list of nodes, each as `TreeNode::from_pointer` wants it.
pub(in crate::pgx) unsafe fn nodes<N: TreeNode>(list: *mut pg_sys::List) -> Vec<N> {
    // SAFETY: the caller's promise.
    let list = unsafe { PgList::<pg_sys::Node>::from_pg(list) };
    // SAFETY: the caller's promise.
    list.iter_ptr().filter_map(|node| unsafe { N::from_pointer(node) }).collect()
}

/// The members of a list of OIDs.
///
/// # Safety
/// NIL or a list of OIDs.
pub(in crate::pgx) unsafe fn oids(list: *mut pg_sys::List) -> Vec<pg_sys::Oid> {
    // SAFETY: the caller's promise.
    let list = unsafe { PgList::<pg_sys::Oid>::from_pg(list) };
    list.iter_oid().collect()
}

/// A name; `None` for NULL.
///
/// # Safety
/// NULL or a text that ends in a zero byte.
pub(in crate::pgx) unsafe fn text(pointer: *const c_char) -> Option<String> {
    // SAFETY: the caller's promise.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}

/// Makes `NodeType`s and, for the fields that are named, methods that follow them: `node` to a node, `nodes` to the members of
/// a list, `oids` to those of a list of OIDs, `text` to a name that is there, `name` to one that may be.
macro_rules! node_types {
    ($($name:ident = $tag:ident { $($kind:ident $field:ident)* })*) => {$(
        // A type and its tag have one name.
        const _: () = assert!(is_tag_of(stringify!($tag), stringify!($name)));

        // SAFETY: PostgreSQL's makeNode gives a node the tag of its type's name.
        unsafe impl NodeType for pg_sys::$name {
            const TAG: pg_sys::NodeTag = pg_sys::NodeTag::$tag;
        }

        // Methods bear the fields' own names.
        #[allow(non_snake_case)]
        impl<N: TreeNode> Fields<N, pg_sys::$name> {
            $(node_types!(@$kind $field);)*
        }
    )*};
    (@node $field:ident) => {
        pub(in crate::pgx) fn $field(&self) -> Option<N> {
            // SAFETY: the field of a node of a whole tree: NULL or a node of the same tree.
            unsafe { N::from_pointer(self.fields.$field.cast()) }
        }
    };
    (@nodes $field:ident) => {
        pub(in crate::pgx) fn $field(&self) -> Vec<N> {
            // SAFETY: the field of a node of a whole tree: NIL or a list of nodes of the same tree.
            unsafe { nodes(self.fields.$field) }
        }
    };
    (@oids $field:ident) => {
        pub(in crate::pgx) fn $field(&self) -> Vec<pg_sys::Oid> {
            // SAFETY: the field of a node of a whole tree: NIL or a list of OIDs.
            unsafe { oids(self.fields.$field) }
        }
    };
    (@text $field:ident) => {
        pub(in crate::pgx) fn $field(&self) -> String {
            // SAFETY: the field of a node of a whole tree: NULL or a name.
            unsafe { text(self.fields.$field) }.unwrap_or_default()
        }
    };
    (@name $field:ident) => {
        pub(in crate::pgx) fn $field(&self) -> Option<String> {
            // SAFETY: the field of a node of a whole tree: NULL or a name.
            unsafe { text(self.fields.$field) }
        }
    };
}

const fn is_tag_of(tag: &str, name: &str) -> bool {
    let Some((prefix, rest)) = tag.as_bytes().split_at_checked(2) else { return false };
    let (name, mut index) = (name.as_bytes(), 0);
    while let (Some((left, _)), Some((right, _))) = (tail(rest, index).split_first(), tail(name, index).split_first()) {
        if *left != *right {
            return false;
        }
        index += 1;
    }
    matches!(prefix, b"T_") && index == rest.len() && index == name.len()
}

const fn tail(bytes: &[u8], index: usize) -> &[u8] {
    bytes.split_at(index).1
}

// Of the raw parse tree, the analysed tree, both, and plans.
node_types! {
    Alias = T_Alias { text aliasname nodes colnames }
    A_ArrayExpr = T_A_ArrayExpr { node elements }
    A_Const = T_A_Const {}
    A_Expr = T_A_Expr { nodes name node lexpr node rexpr }
    A_Indirection = T_A_Indirection { node arg nodes indirection }
    CollateClause = T_CollateClause { node arg nodes collname }
    ColumnDef = T_ColumnDef {}
    ColumnRef = T_ColumnRef { nodes fields }
    FuncCall = T_FuncCall { nodes funcname node args }
    NullTest = T_NullTest { node arg }
    RangeFunction = T_RangeFunction { node alias nodes functions }
    RangeSubselect = T_RangeSubselect { node subquery node alias }
    RawStmt = T_RawStmt { node stmt }
    RangeVar = T_RangeVar { name catalogname name schemaname text relname node alias }
    ResTarget = T_ResTarget { name name node val }
    SelectStmt = T_SelectStmt {
        node withClause nodes targetList nodes fromClause node groupClause node sortClause node distinctClause
        nodes valuesLists node windowClause node havingClause node larg node rarg
    }
    SortBy = T_SortBy { node node }
    String = T_String { text sval }
    TypeCast = T_TypeCast { node arg node typeName }
    TypeName = T_TypeName { nodes names }
    WithClause = T_WithClause { nodes ctes }

    CommonTableExpr = T_CommonTableExpr { text ctename node ctequery node cycle_clause }
    CTECycleClause = T_CTECycleClause { node cycle_mark_value node cycle_mark_default }
    GroupingSet = T_GroupingSet { nodes content }
    JoinExpr = T_JoinExpr { node larg node rarg node quals node alias nodes usingClause }
    SQLValueFunction = T_SQLValueFunction {}
    SubLink = T_SubLink { nodes operName node subselect }

    Aggref = T_Aggref { nodes args }
    ArrayCoerceExpr = T_ArrayCoerceExpr { node arg node elemexpr }
    ArrayExpr = T_ArrayExpr { nodes elements }
    BoolExpr = T_BoolExpr { nodes args }
    CaseExpr = T_CaseExpr { nodes args node defresult }
    CaseWhen = T_CaseWhen { node expr node result }
    CoalesceExpr = T_CoalesceExpr { nodes args }
    CoerceToDomain = T_CoerceToDomain { node arg }
    CoerceViaIO = T_CoerceViaIO { node arg }
    CollateExpr = T_CollateExpr { node arg }
    Const = T_Const {}
    FieldSelect = T_FieldSelect { node arg }
    FromExpr = T_FromExpr { nodes fromlist node quals }
    FuncExpr = T_FuncExpr { nodes args }
    MinMaxExpr = T_MinMaxExpr { nodes args }
    NamedArgExpr = T_NamedArgExpr { text name node arg }
    OpExpr = T_OpExpr { nodes args }
    Param = T_Param {}
    Query = T_Query { nodes cteList nodes rtable nodes targetList node jointree }
    RangeTblEntry = T_RangeTblEntry {
        node subquery nodes values_lists nodes functions nodes joinaliasvars nodes securityQuals text ctename node eref
    }
    RangeTblFunction = T_RangeTblFunction { node funcexpr oids funccoltypes }
    RelabelType = T_RelabelType { node arg }
    RowCompareExpr = T_RowCompareExpr { nodes largs nodes rargs oids opnos oids inputcollids }
    RowExpr = T_RowExpr { nodes args }
    ScalarArrayOpExpr = T_ScalarArrayOpExpr { nodes args }
    SetOperationStmt = T_SetOperationStmt { nodes groupClauses oids colTypes }
    SortGroupClause = T_SortGroupClause {}
    SubscriptingRef = T_SubscriptingRef { node refexpr }
    TargetEntry = T_TargetEntry { node expr text resname }
    Var = T_Var {}
    WindowClause = T_WindowClause {}
    WindowFunc = T_WindowFunc { nodes args }

    Append = T_Append { nodes appendplans }
    AppendRelInfo = T_AppendRelInfo {}
    BitmapAnd = T_BitmapAnd { nodes bitmapplans }
    BitmapHeapScan = T_BitmapHeapScan {}
    BitmapOr = T_BitmapOr { nodes bitmapplans }
    CteScan = T_CteScan {}
    ForeignScan = T_ForeignScan { nodes fdw_private }
    IndexOnlyScan = T_IndexOnlyScan { nodes indextlist }
    IndexScan = T_IndexScan {}
    MergeAppend = T_MergeAppend { nodes mergeplans }
    PlannedStmt = T_PlannedStmt { node planTree nodes subplans nodes rtable nodes appendRelations }
    SubqueryScan = T_SubqueryScan { node subplan }
}

#[cfg(any(feature = "pg18", feature = "pg19"))]
impl<N: TreeNode> Fields<N, pg_sys::RangeTblEntry> {
    node_types!(@nodes groupexprs);
}
